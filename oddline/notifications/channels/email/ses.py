"""Send mail through Amazon SES; boto3 is imported only when a mail goes out."""

from collections.abc import Sequence
from email.message import EmailMessage

from oddline.errors import DeliveryFailed, DeliveryRefused
from oddline.notifications.model import Receipt
from oddline.settings import Settings

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 10
SERVER_FAULT = 500
# SES API v2, SendEmail, "Errors": those of the client that pass with time, or once somebody mends the account.
PASSING = {"TooManyRequestsException", "LimitExceededException", "SendingPausedException", "ThrottlingException"}


def send(mail: EmailMessage, *, sender: str, recipients: Sequence[str], settings: Settings) -> Receipt:
    """See `Transport.send`. SES takes a mail for all recipients or for none, and gives it a Message-ID of its own."""
    from boto3.session import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    # One try: SES cannot recognise a double, so whether to try again is left to the task.
    once = Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries={"total_max_attempts": 1})
    try:
        client = Session().client(
            "sesv2", region_name=settings.ses_region, endpoint_url=settings.aws_endpoint_url, config=once
        )
        client.send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": list(recipients)},
            Content={"Raw": {"Data": mail.as_bytes()}},
        )
    except ClientError as error:
        fault = error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_FAULT
        kind = DeliveryFailed if fault or error.response["Error"]["Code"] in PASSING else DeliveryRefused
        raise kind(f"SES: {error}") from error
    except BotoCoreError as error:
        raise DeliveryFailed(f"SES: {error}") from error
    return Receipt(accepted=tuple(recipients))
