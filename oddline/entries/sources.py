"""The sources of a project: what people set for one, and by what it is judged."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from oddline.database import Transaction
from oddline.entries import store
from oddline.entries.view import rounded
from oddline.errors import InvalidParameter, NotFound
from oddline.submissions import rfc3339

SHORTEST_WINDOW: Final = 10  # seconds; of shorter ones nobody could look at the odd ones of a day
LONGEST_WINDOW: Final = 3_600  # seconds; of longer ones it takes weeks to learn what is usual
LONGEST_ATTRIBUTE: Final = 200  # characters of its name
LEAST_ALARMS_PER_DAY: Final = 0.001  # one in three years
MOST_ALARMS_PER_DAY: Final = 100  # of one source: nobody looks at more, and so many incidents a day are remembered


def source_views(
    tx: Transaction, *, project: UUID, today: date, after: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Sources as clients get them, in the order of their names, from behind the name `after`."""
    return [_view(source) for source in store.list_sources(tx, project=project, after=after, limit=limit, today=today)]


def source_view(tx: Transaction, *, project: UUID, name: str, today: date) -> dict[str, Any]:
    """A source as clients get it.

    Raises:
        NotFound: the project has no such source.
    """
    source = store.find_source(tx, project=project, name=name, today=today)
    if source is None:
        raise NotFound(f"there is no source {name!r}")
    return _view(source)


def set_source_threshold(tx: Transaction, *, project: UUID, name: str, threshold: float | None) -> None:
    """From which score on entries of a source are anomalies; None: that is found by itself.

    Raises:
        InvalidParameter: the threshold is not between 0 and 1.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise InvalidParameter("threshold: scores go from 0 to 1", field="threshold")
    store.set_threshold(tx, project=project, name=name, threshold=threshold)


def set_source_alarms(tx: Transaction, *, project: UUID, name: str, alarms_per_day: float | None) -> None:
    """How many incidents a day may become alarms at most; None: as many as the project says.

    Raises:
        InvalidParameter: the number is below LEAST_ALARMS_PER_DAY or over MOST_ALARMS_PER_DAY.
    """
    if alarms_per_day is not None and not LEAST_ALARMS_PER_DAY <= alarms_per_day <= MOST_ALARMS_PER_DAY:
        bounds = f"{LEAST_ALARMS_PER_DAY} to {MOST_ALARMS_PER_DAY}"
        raise InvalidParameter(f"alarms_per_day: {bounds}", field="alarms_per_day")
    store.set_alarms_per_day(tx, project=project, name=name, alarms_per_day=alarms_per_day)


def set_session_attribute(tx: Transaction, *, project: UUID, name: str, attribute: str | None) -> None:
    """By which attribute entries of a source belong together that bear no session; None: by none.

    Raises:
        InvalidParameter: no attribute has such a name.
    """
    if attribute is not None and not (0 < len(attribute) <= LONGEST_ATTRIBUTE and "\0" not in attribute):
        raise InvalidParameter(f"session_attribute: 1 to {LONGEST_ATTRIBUTE} characters", field="session_attribute")
    store.set_session_attribute(tx, project=project, name=name, attribute=attribute)


def set_sequence_window(tx: Transaction, *, project: UUID, name: str, seconds: int | None) -> None:
    """In windows of how many seconds entries of a source are judged that belong to nothing else; None: not at all.

    Raises:
        InvalidParameter: the number is not between SHORTEST_WINDOW and LONGEST_WINDOW.
    """
    if seconds is not None and not SHORTEST_WINDOW <= seconds <= LONGEST_WINDOW:
        detail = f"sequence_window: {SHORTEST_WINDOW} to {LONGEST_WINDOW:,} seconds"
        raise InvalidParameter(detail, field="sequence_window")
    store.set_sequence_window(tx, project=project, name=name, seconds=seconds)


def _view(source: store.Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "entries": source.entries,
        "threshold": _rounded(source.threshold),
        "alarms_per_day": _rounded(source.alarms_per_day),
        "session_attribute": source.session_attribute,
        "sequence_window": source.sequence_window,
        "in_force": _in_force(source),
        "alarms_today": source.alarms_today,
        "drift": None
        if source.drift is None or source.drift_since is None
        else {"of": source.drift, "since": rfc3339(source.drift_since)},
        "first_seen": rfc3339(source.first_seen),
        "last_seen": rfc3339(source.last_seen),
    }


def _in_force(source: store.Source) -> Mapping[str, Any]:
    """The threshold that holds, where it comes from, and which promise it keeps: a fixed one keeps none."""
    if source.threshold is not None:
        return {"threshold": rounded(source.threshold), "from": "fixed", "alarms_per_day": None}
    found = source.default_threshold if source.calibrated is None else source.calibrated
    return {"threshold": _rounded(found), "from": _origin(source), "alarms_per_day": rounded(source.promised)}


def _origin(source: store.Source) -> str:
    if source.calibrated is None:
        return "default" if source.default_threshold is None else "warm-up"
    is_untouched = source.calibrated == source.default_threshold and not source.is_asked
    return "default" if is_untouched else "calibrated"


def _rounded(value: float | None) -> float | None:
    return None if value is None else rounded(value)
