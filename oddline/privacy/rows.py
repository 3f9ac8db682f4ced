"""The columns that can hold what came from outside: all of them, and whose rows an erasure changes there."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, assert_never

from oddline.privacy.finder import Finder
from oddline.redaction import ERASED

_OWN: Final = "project_id = %(project)s"
_NOBODYS: Final = "project_id IS NULL"


class Form(Enum):
    """How a column holds text."""

    TEXT = auto()
    JSON = auto()  # its names are ours, by which it is read: they stay
    NAMED_JSON = auto()  # its names can come from outside, too
    NAMED_JSON_TEXT = auto()  # such a document in a column of text
    ADDRESSES = auto()  # a list in which what held a value has no place any more
    SHOWN = auto()  # a list of what is shown of something that stands encrypted beside it: it goes along


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a table that can hold what came from outside.

    `scope` is which rows are the project's; `nobodys` which of those that are no project's an erasure changes that an
    operator asked for, and no other: what all share is not a tenant's to change.

    `name` is a column in which a row gets its id where the name without the values is another's. A row without one that
    would be there twice goes: a key of the same request, or what is counted or learned anew.
    """

    table: str
    key: tuple[str, ...]
    columns: Mapping[str, Form]
    scope: str = _OWN
    nobodys: str = "false"
    name: str | None = None

    def within(self, *, whole_installation: bool) -> str:
        """SQL of the rows that an erasure changes."""
        return f"({self.scope} OR {self.nobodys})" if whole_installation else self.scope

    def erased(self, row: Mapping[str, Any], finder: Finder) -> dict[str, Any]:
        """What changes of a row that holds a value; nothing of another."""
        new = {name: _erased(row[name], form, finder) for name, form in self.columns.items()}
        changed = {name: value for name, value in new.items() if value != row[name]}
        if changed:
            changed |= {name: [ERASED] * len(row[name]) for name, form in self.columns.items() if form is Form.SHOWN}
        return changed


_BY_ID: Final = ("project_id", "id")
ROWS: Final = (
    Rows("sources", _BY_ID, {"name": Form.TEXT, "session_attribute": Form.TEXT}, name="name"),
    Rows("projects", ("id",), {"mail_recipients": Form.ADDRESSES}, scope="id = %(project)s"),
    Rows("api_keys", ("id",), {"name": Form.TEXT}),
    Rows("masking_rules", ("project_id", "source"), {"source": Form.TEXT, "own": Form.JSON, "changed_by": Form.TEXT}),
    Rows("erasures", _BY_ID, {"reason": Form.TEXT, "requested_by": Form.TEXT}),
    Rows("submission_state", ("id",), {"result": Form.JSON, "error": Form.TEXT, "failures": Form.JSON}),
    Rows("idempotency_keys", ("project_id", "caller", "key"), {"key": Form.TEXT, "answer": Form.JSON}),
    Rows(
        "odd_entries",
        ("project_id", "id", "kind"),
        {"source": Form.TEXT, "message": Form.TEXT, "attributes": Form.NAMED_JSON_TEXT, "explanation": Form.JSON},
    ),
    Rows("odd_sequences", ("project_id", "entry_id"), {"grouping": Form.TEXT}),
    Rows("sequence_sources", ("project_id", "source_id", "grouping"), {"grouping": Form.TEXT}),
    Rows("sequence_feedback", _BY_ID, {"grouping": Form.TEXT, "note": Form.TEXT}),
    Rows("feedback", _BY_ID, {"note": Form.TEXT}),
    Rows(
        "files",
        _BY_ID,
        {
            "name": Form.TEXT,
            "source": Form.TEXT,
            "request_key": Form.TEXT,
            "metadata": Form.NAMED_JSON,
            "problems": Form.JSON,
            "analytics": Form.NAMED_JSON,
            "error": Form.TEXT,
        },
    ),
    Rows("replays", ("id",), {"source": Form.TEXT}),
    Rows("schedules", ("id",), {"name": Form.TEXT, "payload": Form.JSON, "actor": Form.TEXT}, name="name"),
    Rows(
        "connections",
        ("id",),
        {
            "name": Form.TEXT,
            "source": Form.TEXT,
            "configuration": Form.JSON,
            "credentials": Form.TEXT,
            "cursor": Form.JSON,
            "last_error": Form.TEXT,
        },
        name="name",
    ),
    Rows("connection_objects", ("id",), {"key": Form.TEXT, "last_error": Form.TEXT}),
    Rows("schedule_runs", ("schedule_id", "planned"), {"detail": Form.TEXT}),
    Rows(
        "tasks",
        ("id",),
        {
            "payload": Form.JSON,
            "result": Form.NAMED_JSON,
            "error": Form.TEXT,
            "failures": Form.JSON,
            "unique_key": Form.TEXT,
        },
        # What the system does is not to be led astray by anybody's erasure; what it tells operators is only read.
        nobodys=f"{_NOBODYS} AND (state IN ('SUCCESS', 'FAILURE', 'REVOKED') OR name = 'send_system_alert')",
    ),
    Rows(
        "deliveries",
        ("id",),
        {"recipients": Form.SHOWN, "detail": Form.TEXT, "sealed": Form.TEXT},
        nobodys=_NOBODYS,
    ),
    Rows(
        "system_alerts",
        ("project_id", "kind", "subject"),
        {"subject": Form.TEXT, "text": Form.TEXT},
        nobodys=_NOBODYS,
    ),
    Rows("queue_holds", ("queue",), {"reason": Form.TEXT}, scope="false", nobodys="true"),
    Rows("health_checks", ("part",), {"detail": Form.TEXT}, scope="false", nobodys="true"),
)


def _erased(value: Any, form: Form, finder: Finder) -> Any:
    match form:
        case _ if value is None:
            return None
        case Form.TEXT:
            return finder.text(value)
        case Form.JSON | Form.NAMED_JSON:
            return finder.json(value, names=form is Form.NAMED_JSON)
        case Form.NAMED_JSON_TEXT:
            return finder.json_text(value)
        case Form.SHOWN:
            return [finder.text(one) for one in value]
        case Form.ADDRESSES:
            return [one for one in value if not finder.in_text(one)]
        case _:
            assert_never(form)
