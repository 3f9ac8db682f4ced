"""Erase the values of a person everywhere, pass after pass, until a whole one finds nothing; then prove it."""

from datetime import timedelta
from typing import Any, Final

from oddline.database import Transaction
from oddline.errors import Conflict, NotYet, StillHeld
from oddline.privacy import store
from oddline.privacy.finder import Finder
from oddline.privacy.model import Erasure
from oddline.privacy.places import PLACES, Work, is_trigger_project
from oddline.privacy.requests import find_erasure, keep_on_list
from oddline.privacy.search import Searched, search_queue, search_tables
from oddline.privacy.tasks import SMOKE, ErasePerson
from oddline.redaction import ErasedValues, open_values
from oddline.tasks import Task, TaskContext

RUN_TIME: Final = timedelta(minutes=20)  # of one attempt: below its soft limit, by more than a step takes
IN_FLIGHT: Final = timedelta(minutes=15)
"""What copies a line (scoring, merging, telling of sequences and rates) has a hard limit of 10 minutes: so long after
something was found the last copy that was under way then is written, and a pass that begins later sees it."""

MOST_PASSES: Final = 20  # then something stands where no pass can take it away


def erase_person(payload: ErasePerson, context: TaskContext) -> dict[str, Any]:
    """Erase what an erasure lists; returns its proof. What earlier attempts did is not done again.

    Raises:
        NotYet: time is up, or what was under way must end first.
        LostClaim: another attempt works on it now.
        Conflict: another task is to work on it.
        Unavailable: something does not answer (passing).
        StillHeld: values stand where they cannot be taken out.
        NotFound: there is no such erasure.
        NotConfigured, Undecipherable: the values cannot be read with the keys that are set.
    """
    if payload.erasure == SMOKE:
        return {}
    deadline = context.clock() + RUN_TIME
    erasure = _take(payload, context)
    keep_on_list(context.objects, erasure)
    cipher = context.settings.cipher()
    values = ErasedValues(open_values(erasure.secret, cipher), erasure.ignore_case)
    work = Work(
        project=erasure.project,
        finder=Finder(values, cipher=cipher),
        context=context,
        whole_installation=erasure.whole_installation,
    )
    while erasure.proof is None:
        erasure = _go_on(erasure, work)
        if erasure.proof is None and context.clock() >= deadline:
            raise NotYet("the time of one attempt is over: the next one goes on", until=context.clock())
    return erasure.proof


def mark_failed(tx: Transaction, task: Task) -> None:
    """Say of an erasure that it has failed when its task has for good: a replay begins a new series of passes."""
    payload = ErasePerson.model_validate(task.payload)
    store.fail(tx, payload.project, erasure=payload.erasure, task=task.id)


def _take(payload: ErasePerson, context: TaskContext) -> Erasure:
    with context.db.transaction() as tx:
        taken = store.take(tx, payload.project, erasure=payload.erasure, task=context.task_id, now=context.clock())
        if taken is None:
            other = find_erasure(tx, payload.project, erasure=payload.erasure).task
            raise Conflict(f"the task {other} works on this erasure now")
    return taken


def _go_on(erasure: Erasure, work: Work) -> Erasure:
    """One step further: a step of the pass that is under way, another pass, or the proof."""
    if erasure.state != "erasing":
        return _begin_pass(erasure, work)
    if erasure.place < len(PLACES):
        return _take_step(erasure, work)
    return _prove(erasure, work) if _is_last(erasure) else _begin_another(erasure, work)


def _take_step(erasure: Erasure, work: Work) -> Erasure:
    name, place = list(PLACES.items())[erasure.place]
    with work.context.db.transaction() as tx:
        erasure = store.begin_step(tx, erasure)
    step = place(work, erasure.after)
    goes_on = (erasure.place + 1, None) if step.after is None else (erasure.place, step.after)
    with work.context.db.transaction() as tx:
        now = work.context.clock()
        noted = store.note_step(tx, erasure, place=name, found=step.found, looked=step.looked, goes_on=goes_on, now=now)
    work.context.report(goes_on[0] / (len(PLACES) + 1))
    return noted


def _is_last(erasure: Erasure) -> bool:
    """Whether the pass found nothing, and began when nothing was under way any more that was read before."""
    return erasure.found_in_pass == 0 and (
        erasure.last_found_at is None
        or (erasure.pass_began_at is not None and erasure.pass_began_at >= erasure.last_found_at + IN_FLIGHT)
    )


def _begin_another(erasure: Erasure, work: Work) -> Erasure:
    """After a pass that found something, another at once; after one that did not, one when all is quiet."""
    if erasure.passes >= MOST_PASSES:
        raise StillHeld(f"{MOST_PASSES} passes have found values again and again: {_told(erasure.found)}")
    if erasure.found_in_pass == 0 and erasure.last_found_at is not None:
        quiet_at = erasure.last_found_at + IN_FLIGHT
        if work.context.clock() < quiet_at:
            raise NotYet(
                f"the last pass begins at {quiet_at:%H:%M:%S}, when all has ended that runs now", until=quiet_at
            )
    return _begin_pass(erasure, work)


def _begin_pass(erasure: Erasure, work: Work) -> Erasure:
    with work.context.db.transaction() as tx:
        return store.begin_pass(tx, erasure, now=work.context.clock())


def _prove(erasure: Erasure, work: Work) -> Erasure:
    """Look through all that is within reach once more, and keep what that came to."""
    context, searched = work.context, Searched()
    reach = None if work.whole_installation else work.project
    search_tables(context.db, finder=work.finder, project=work.project, alone=reach is not None, searched=searched)
    if context.settings.redis_url:
        search_queue(context.settings.redis_url, context.db, finder=work.finder, project=reach, searched=searched)
    if searched.held:
        raise StillHeld(f"values still stand in: {_told(searched.held)}")
    with context.db.transaction() as tx:
        return store.finish(tx, erasure, proof=_proof(erasure, work, searched))


def _proof(erasure: Erasure, work: Work, searched: Searched) -> dict[str, Any]:
    now, settings = work.context.clock(), work.context.settings

    def day(days: int) -> str | None:
        return (now + timedelta(days=days)).date().isoformat() if days else None

    return {
        "erased_at": now.isoformat(),
        "reach": erasure.reach,
        "before": erasure.found,
        "after": dict.fromkeys(erasure.found, 0),
        "searched": {
            "tables": searched.tables,
            "rows": searched.rows,
            **{name: erasure.looked.get(name, 0) for name in ("submissions", "chunks", "objects")},
            "queue_messages": searched.messages,
        },
        "passes": erasure.passes,
        "backups_until": day(settings.backup_days),
        "failed_events_until": day(settings.failed_event_days) if is_trigger_project(work) else None,
    }


def _told(places: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in places.items() if count)
