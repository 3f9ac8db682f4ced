"""Read a secret while a function runs on Lambda, so that none stands in its environment."""

import json
import logging
import os
from typing import Any
from urllib.parse import quote

from oddline.errors import NotConfigured, SecretUnavailable

log = logging.getLogger(__name__)

DEFAULT_PORT = 2773  # AWS documentation, "AWS Parameters and Secrets Lambda Extension"
TIMEOUT_S = 5  # the first answer takes a call to Secrets Manager


def read_secret(name: str) -> dict[str, Any]:
    """The members of a secret in JSON.

    AWS's extension is asked where it runs beside the function: what it tells is `SECRETS_MANAGER_TTL` seconds old at
    most. Where it does not (an image has no layers) Secrets Manager is. The extension answers from the first invocation
    on, not yet while the function is being loaded.

    Args:
        name: ARN or name.

    Raises:
        SecretUnavailable: nobody answers, or the secret cannot be read.
        NotConfigured: the secret is no JSON object.
    """
    try:
        text = _ask_extension(name)
    except ConnectionRefusedError:
        text = _ask_secrets_manager(name)
    try:
        members = json.loads(text)
    except ValueError as error:
        raise NotConfigured("the secret that ODDLINE_SECRETS names is no JSON") from error
    if not isinstance(members, dict):
        raise NotConfigured("the secret that ODDLINE_SECRETS names is no JSON object")
    return members


def _ask_extension(name: str) -> str:
    from http.client import HTTPConnection, HTTPException

    port = int(os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", DEFAULT_PORT))
    connection = HTTPConnection("localhost", port, timeout=TIMEOUT_S)
    token = {"X-Aws-Parameters-Secrets-Token": os.environ.get("AWS_SESSION_TOKEN", "")}
    try:
        connection.request("GET", f"/secretsmanager/get?secretId={quote(name, safe='')}", headers=token)
        answer = connection.getresponse()
        body = answer.read()
    except ConnectionRefusedError:
        raise
    except (OSError, HTTPException) as error:
        raise SecretUnavailable(f"the secrets extension does not answer ({type(error).__name__})") from error
    finally:
        connection.close()
    if answer.status != 200:
        log.error("the secrets extension answers %d: %s", answer.status, body[:500])
        raise SecretUnavailable(f"the secrets extension answers {answer.status}")
    return str(json.loads(body)["SecretString"])


def _ask_secrets_manager(name: str) -> str:
    from boto3.session import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 2})
    try:
        return str(Session().client("secretsmanager", config=config).get_secret_value(SecretId=name)["SecretString"])
    except (BotoCoreError, ClientError) as error:
        raise SecretUnavailable(f"Secrets Manager does not tell the secret ({type(error).__name__})") from error
