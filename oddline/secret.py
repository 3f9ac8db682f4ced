"""Read a secret from the extension that runs beside a function on Lambda, so that none stands in its environment."""

import json
import logging
import os
from typing import Any
from urllib.parse import quote

from oddline.errors import NotConfigured, SecretUnavailable

log = logging.getLogger(__name__)

DEFAULT_PORT = 2773  # AWS documentation, "AWS Parameters and Secrets Lambda Extension"
TIMEOUT_S = 5  # its first answer asks Secrets Manager, every other one comes from its cache


def read_secret(name: str) -> dict[str, Any]:
    """The members of a secret in JSON, `SECRETS_MANAGER_TTL` seconds old at most.

    The extension answers from the first invocation on, not yet while the function is being loaded.

    Args:
        name: ARN or name.

    Raises:
        SecretUnavailable: the extension does not answer, or cannot read the secret.
        NotConfigured: the secret is no JSON object.
    """
    answer = _ask(f"/secretsmanager/get?secretId={quote(name, safe='')}")
    try:
        members = json.loads(json.loads(answer)["SecretString"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotConfigured("the secret that ODDLINE_SECRETS names is no JSON") from error
    if not isinstance(members, dict):
        raise NotConfigured("the secret that ODDLINE_SECRETS names is no JSON object")
    return members


def _ask(path: str) -> bytes:
    from http.client import HTTPConnection, HTTPException

    port = int(os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", DEFAULT_PORT))
    connection = HTTPConnection("localhost", port, timeout=TIMEOUT_S)
    try:
        connection.request(
            "GET", path, headers={"X-Aws-Parameters-Secrets-Token": os.environ.get("AWS_SESSION_TOKEN", "")}
        )
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise SecretUnavailable(f"the secrets extension does not answer ({type(error).__name__})") from error
    finally:
        connection.close()
    if answer.status != 200:
        log.error("the secrets extension answers %d: %s", answer.status, body[:500])
        raise SecretUnavailable(f"the secrets extension answers {answer.status}")
    return body
