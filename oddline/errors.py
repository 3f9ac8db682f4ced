"""The one tree of errors: each says in a line what happened, whether a retry can help, and how HTTP tells it."""

from datetime import datetime
from typing import Any, ClassVar

PROBLEM_BASE = "https://oddline.dev/problems/"


class OddlineError(Exception):
    """Something in Oddline went wrong.

    `permanent` says whether the same call can ever succeed; `status` and `code` are what RFC 9457 problem documents
    carry; `extra` holds further members of the document (`field`, `index`, `limit` ...).
    """

    permanent: ClassVar[bool] = True
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra

    def problem(self) -> dict[str, Any]:
        """The problem document of RFC 9457 as a mapping."""
        return {
            "type": PROBLEM_BASE + self.code,
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }


# What the caller did


class BadRequest(OddlineError):
    """The request is not one that can be understood."""

    status, code, title = 400, "bad-request", "The request cannot be understood"


class InvalidEntries(OddlineError):
    """No entry of the request can be taken."""

    status, code, title = 422, "invalid-entries", "No entry of the request can be taken"


class InvalidParameter(OddlineError):
    """A parameter has a value that it cannot have."""

    status, code, title = 422, "invalid-parameter", "A parameter has a value that it cannot have"


class UnknownParameter(InvalidParameter):
    """The route knows no parameter of that name."""

    code, title = "unknown-parameter", "There is no parameter of that name here"


class TooLarge(OddlineError):
    """The request is larger than it may be."""

    status, code, title = 413, "too-large", "The request is larger than it may be"


class UnsupportedEncoding(OddlineError):
    """The body's content encoding or type is not one that is taken."""

    status, code, title = 415, "unsupported-encoding", "The content encoding or type is not taken here"


class Unauthenticated(OddlineError):
    """The request bears no valid key, token or signature."""

    status, code, title = 401, "unauthenticated", "A valid API key, token or signature is needed"


class Forbidden(OddlineError):
    """The caller is known, but may not do this."""

    status, code, title = 403, "forbidden", "This caller may not do that"


class SignedKey(Forbidden):
    """The caller's key demands signatures, and the route checks none."""

    code, title = "signed-key", "A key that demands signatures may not do that"


class RightsEnded(Forbidden):
    """Who wished it may not do it any more."""

    code, title = "rights-ended", "Who wished this may not do it any more"


class NotFound(OddlineError):
    """There is nothing by that name in this project."""

    status, code, title = 404, "not-found", "There is nothing by that name in this project"


class Gone(OddlineError):
    """What is asked for was here and is kept no longer."""

    status, code, title = 410, "gone", "What is asked for is kept no longer"


class Conflict(OddlineError):
    """The thing is not in a state in which this can be done."""

    status, code, title = 409, "conflict", "The thing is not in a state in which this can be done"


class RateLimited(OddlineError):
    """More requests came than may come in a minute."""

    permanent = False
    status, code, title = 429, "rate-limited", "More requests came than may come in a minute"


class TooManyOpen(OddlineError):
    """As much of a kind as a project may have open at once is open already."""

    permanent = False
    status, code, title = 429, "too-many-open", "As much as may be open at once is open already"


class QuotaExceeded(OddlineError):
    """The project has sent as much as it may send a day."""

    permanent = False
    status, code, title = 429, "quota-exceeded", "The project has sent as much as it may send a day"


class RequestInProgress(Conflict):
    """A request with the same idempotency key is still being worked on."""

    permanent = False
    code, title = "request-in-progress", "A request with the same key is still being worked on"


class KeyReused(OddlineError):
    """The idempotency key or message id was used before with another body."""

    status, code, title = 422, "key-reused", "The same key or message id came before with another body"


class UnreadableFile(OddlineError):
    """A file that the caller named cannot be read."""

    status, code, title = 400, "unreadable-file", "The file cannot be read"


class DamagedFile(UnreadableFile):
    """A packed file cannot be unpacked to its end."""

    status, code, title = 422, "damaged-file", "The file cannot be unpacked to its end"


class NotText(UnreadableFile):
    """A file holds no text of any kind."""

    status, code, title = 422, "not-text", "The file holds no text"


class LineTooLong(UnreadableFile):
    """A file has no line end, or no end of a record, where any log would have had many."""

    status, code, title = 422, "line-too-long", "The file has no line ends where a log would have many"


class FileStuck(OddlineError):
    """Every try to read a file on ended before one more part of it was stored."""

    code, title = "file-stuck", "The file cannot be read on"


# What Oddline stands on


class NotConfigured(OddlineError):
    """A setting that is needed here is not set."""

    code, title = "not-configured", "A setting that is needed here is not set"


class Unavailable(OddlineError):
    """A part that is needed does not answer now."""

    permanent = False
    status, code, title = 503, "unavailable", "A part that is needed does not answer now"


class SecretUnavailable(Unavailable):
    """The secret with the addresses of the other parts cannot be read."""

    code, title = "secret-unavailable", "A secret cannot be read now"


class IssuerUnavailable(Unavailable):
    """The issuer of a token does not tell its keys."""

    code, title = "issuer-unavailable", "The keys that the token is checked with cannot be read now"


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer."""

    code, title = "database-unavailable", "The database does not answer now"


class ObjectStoreUnavailable(Unavailable):
    """The object store does not answer."""

    code, title = "object-store-unavailable", "The object store does not answer now"


class ObjectMissing(OddlineError):
    """The object store has no object by that key."""

    status, code, title = 404, "object-missing", "There is no such object"


class ModelUnavailable(Unavailable):
    """The model could not be loaded."""

    code, title = "model-unavailable", "The model cannot be loaded now"


class DeliveryFailed(Unavailable):
    """A message could not be delivered now."""

    code, title = "delivery-failed", "The message could not be delivered now"


class TimerUnavailable(Unavailable):
    """What wakes schedules at their times does not answer."""

    code, title = "timer-unavailable", "What wakes schedules does not answer now"


class AlarmRefused(OddlineError):
    """What wakes schedules will not take one as it is."""

    code, title = "alarm-refused", "What wakes schedules will not take this one"


class DeliveryRefused(OddlineError):
    """The receiver refused the message for good."""

    code, title = "delivery-refused", "The receiver refused the message"


class OutgoingFailed(Unavailable):
    """A server that was called does not answer as it should now."""

    code, title = "outgoing-failed", "The server that was called does not answer as it should now"


class OutgoingRefused(OddlineError):
    """The address is none that may be called from here."""

    status, code, title = 422, "outgoing-refused", "The address is none that may be called from here"


class FeedFailed(Unavailable):
    """A feed that is polled does not answer as it should now."""

    code, title = "feed-failed", "The feed does not answer as it should now"


class FeedRefused(OddlineError):
    """A feed that is polled refuses for good: what is shown to it does not let in, or there is nothing."""

    status, code, title = 422, "feed-refused", "The feed refuses, or is not there"


# What happens inside tasks


class LostClaim(OddlineError):
    """Another worker holds some of the claim now."""

    permanent = False
    code, title = "lost-claim", "Another worker holds some of the claim now"


class TurnOver(OddlineError):
    """The work takes longer than one turn: the rest is for the next, behind what others wait for."""

    permanent = False
    code, title = "turn-over", "The work takes longer than one turn"


class NotYet(OddlineError):
    """The rest of a task cannot be done before `until`. That is no failure: it goes on then.

    Args:
        until: aware UTC.
        counts: whether it uses up one of the task's attempts: not where it waits for others, for as long as they take.
    """

    permanent = False
    code, title = "not-yet", "The rest cannot be done yet"

    def __init__(self, detail: str, *, until: datetime, counts: bool = True) -> None:
        super().__init__(detail)
        self.until, self.counts = until, counts


class ChunkMissing(OddlineError):
    """A chunk's row names a blob that is not there."""

    permanent = False
    code, title = "chunk-missing", "A chunk's data cannot be found"


class CorruptBody(OddlineError):
    """A stored body or chunk cannot be read back."""

    code, title = "corrupt-body", "Stored data cannot be read back"


class Undecipherable(OddlineError):
    """Something encrypted cannot be opened with the keys that are set."""

    code, title = "undecipherable", "Stored data cannot be opened with the keys that are set"


class StillHeld(OddlineError):
    """Values still stand where they cannot be taken out."""

    code, title = "still-held", "Values still stand where they cannot be taken out"


class UnknownTask(OddlineError):
    """No task of that name is in the catalogue."""

    status, code, title = 404, "unknown-task", "No task of that name is in the catalogue"


# What the local stack does


class StackFailed(OddlineError):
    """A part of the local stack could not be started or stopped."""

    code, title = "stack-failed", "A part of the local stack could not be started"


class AlreadyRunning(OddlineError):
    """The local stack of this folder runs already."""

    code, title = "already-running", "The local stack of this folder runs already"
