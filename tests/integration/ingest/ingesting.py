"""What the tests of the function that takes logs share."""

from dataclasses import dataclass
from uuid import UUID

from oddline.submissions import Columns

HMAC_SECRET = "the older secret"


@dataclass(frozen=True, slots=True)
class Stored:
    """A submission as the worker finds it."""

    id: UUID
    project: UUID
    columns: Columns
