"""From parts of an event to submissions of the project that triggers feed."""

from collections.abc import Iterable

from functions.parts import Parts
from oddline.identity import configured_project
from oddline.submissions import SCORE_WAITING_BATCH, Part


def submit_all(parts: Parts, given: Iterable[Part]) -> dict[str, int]:
    """Store every part that is not stored yet and wake a worker; returns how many entries and submissions are new.

    Raises:
        NotConfigured: ODDLINE_TRIGGER_PROJECT names no project.
        RequestInProgress: another delivery of the event is storing the same part now.
        DatabaseUnavailable, ObjectStoreUnavailable: not all of it was stored.
    """
    project = configured_project(parts.db, parts.settings.trigger_project, setting="ODDLINE_TRIGGER_PROJECT")
    intake = parts.intake
    new = [intake.store(part, project=project, now=parts.clock()) for part in given]
    if new:
        parts.publisher.wake(SCORE_WAITING_BATCH)
    return {"entries": sum(new), "submissions": sum(entries > 0 for entries in new)}
