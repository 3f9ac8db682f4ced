"""Call AWS as the people of a project let us, and never with rights of our own unless the operator says so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints, model_validator

from oddline.errors import FeedFailed, FeedRefused
from oddline.ids import new_id
from oddline.streams.model import external_id
from oddline.streams.reading import Given, Link, Secret

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 20
ATTEMPTS: Final = 2  # the next poll is another
SESSION_S: Final = 900  # the shortest that STS gives: longer than any poll
PATIENCE_STATUS: Final = 500  # from here on the fault is AWS's own
CHECKED_FOR_S: Final = 3_600.0  # then a role is tried anew: its trust may have changed
MOST_CHECKED: Final = 10_000  # roles that a process remembers

# AWS, "Common errors" of each service: what another try does not change. All others are passing.
_REFUSALS: Final = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AuthFailure", "Forbidden",
        "IllegalLocationConstraintException", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidParameterException",
        "InvalidSignatureException", "NoSuchBucket", "PermanentRedirect", "ResourceNotFoundException",
        "SignatureDoesNotMatch", "UnrecognizedClientException", "ValidationError", "403",
    }
)  # fmt: skip

_checked: dict[str, float] = {}  # roles that refused a foreign external id, and until when that is taken to be so

Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+){1,3}-\d$")]
# By its name the worker's own rights are kept to roles that were made for this: see infra/workers.yaml.
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/oddline-[\w+=,.@-]{1,56}$")]


class AwsConfiguration(Given):
    """Where in AWS, and as whom: in a role, else with keys, else (where the operator lets it) as the worker itself."""

    region: Region
    role_arn: Annotated[RoleArn | None, Field(description="a role that trusts us with the `external_id`")] = None
    as_worker: Annotated[bool, Field(description="with the worker's own rights, where the operator lets it")] = False

    @model_validator(mode="after")
    def _one_of_them(self) -> "AwsConfiguration":
        if self.role_arn and self.as_worker:
            raise ValueError("a role, or as the worker: not both")
        return self


class AwsKeys(Given):
    """Keys of a user of AWS who may read this and nothing else."""

    access_key_id: Secret
    secret_access_key: Secret


def needs_keys(configuration: AwsConfiguration) -> bool:
    """Whether nothing else says as whom AWS is called."""
    return not configuration.role_arn and not configuration.as_worker


def open_client(service: str, link: Link) -> Any:
    """A client of AWS for a link.

    Raises:
        FeedRefused: the role is not ours to take, or the operator does not let connections read as the worker.
        FeedFailed: AWS does not answer.
    """
    configuration: AwsConfiguration = link.configuration
    if configuration.role_arn:
        shown = _role(configuration.role_arn, link)
    elif link.credentials is not None:
        shown = {
            "aws_access_key_id": link.credentials.access_key_id,
            "aws_secret_access_key": link.credentials.secret_access_key,
        }
    elif configuration.as_worker and link.settings.connections_as_worker and link.is_operators:
        shown = {}
    else:
        raise FeedRefused("name a role or give keys: connections may not read with the worker's own rights here")
    return _client(service, link, **shown)


def _role(arn: str, link: Link) -> dict[str, str]:
    client = _client("sts", link)
    _check_trust(client, arn)
    with aws_errors("the role"):
        taken = _assume(client, arn, external=external_id(link.project))
    return {
        "aws_access_key_id": taken["AccessKeyId"],
        "aws_secret_access_key": taken["SecretAccessKey"],
        "aws_session_token": taken["SessionToken"],
    }


def _check_trust(client: Any, arn: str) -> None:
    """Refuse a role that lets in whoever asks: any project could name it, and read what another one's people have."""
    from botocore.exceptions import ClientError

    if _checked.get(arn, 0.0) > time.monotonic():
        return
    with aws_errors("the role"):
        try:
            _assume(client, arn, external=f"oddline-check-{new_id()}")
        except ClientError as error:
            if error.response["Error"].get("Code") not in _REFUSALS:
                raise
        else:
            raise FeedRefused(
                "the role trusts whoever asks: it was given for a random external id, too. Let its trust policy demand"
                " the sts:ExternalId that the connection shows as external_id"
            )
    if len(_checked) >= MOST_CHECKED:
        _checked.clear()
    _checked[arn] = time.monotonic() + CHECKED_FOR_S


def _assume(client: Any, arn: str, *, external: str) -> dict[str, str]:
    taken: dict[str, str] = client.assume_role(
        RoleArn=arn, RoleSessionName="oddline", ExternalId=external, DurationSeconds=SESSION_S
    )["Credentials"]
    return taken


def _client(service: str, link: Link, **shown: str) -> Any:
    from boto3.session import Session
    from botocore.config import Config

    endpoint = link.settings.aws_endpoint_url
    return Session(**shown).client(
        service,
        region_name=link.configuration.region,
        endpoint_url=endpoint,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": "path" if endpoint else "auto"},
        ),
    )


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn boto3's errors into ours.

    Raises:
        FeedRefused, FeedFailed: with AWS's own words.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        told = error.response["Error"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = FeedRefused if told.get("Code") in _REFUSALS and status < PATIENCE_STATUS else FeedFailed
        raise kind(f"{what}: {told.get('Code')}: {told.get('Message')}") from error
    except BotoCoreError as error:
        raise FeedFailed(f"{what}: AWS does not answer ({type(error).__name__})") from error
