"""Erase the values of a person everywhere, pass after pass, until a whole one finds nothing; then prove it."""

from datetime import timedelta
from typing import Any, Final

from oddline.errors import NotYet, StillHeld
from oddline.privacy import store
from oddline.privacy.finder import Finder
from oddline.privacy.model import Erasure
from oddline.privacy.places import NIL, PLACES, Work
from oddline.privacy.requests import find_erasure, keep_on_list
from oddline.privacy.search import Searched, search_queue, search_tables
from oddline.privacy.tasks import ErasePerson
from oddline.redaction import ErasedValues, open_values
from oddline.tasks import TaskContext

RUN_TIME: Final = timedelta(minutes=20)  # of one attempt: below its soft limit, by more than a step takes
IN_FLIGHT: Final = timedelta(minutes=15)
"""What copies a line (scoring, merging, telling of sequences and rates) has a hard limit of 10 minutes: so long after
something was found the last copy that was under way then is written, and a pass that begins later sees it."""

MOST_PASSES: Final = 20  # then something stands where no pass can take it away
SMOKE: Final = NIL


def erase_person(payload: ErasePerson, context: TaskContext) -> dict[str, Any]:
    """Erase what an erasure lists; returns its proof. What earlier attempts did is not done again.

    Raises:
        NotYet: time is up, or what was under way must end first.
        Unavailable: something does not answer (passing).
        StillHeld: values stand where they cannot be taken out.
        NotFound: there is no such erasure.
        NotConfigured, Undecipherable: the values cannot be read with the keys that are set.
    """
    if payload.erasure == SMOKE:
        return {}
    deadline = context.clock() + RUN_TIME
    erasure = _read(payload, context)
    keep_on_list(context.objects, erasure)
    cipher = context.settings.cipher()
    values = ErasedValues(open_values(erasure.secret, cipher), erasure.ignore_case)
    work = Work(project=erasure.project, finder=Finder(values, cipher=cipher), context=context)
    while erasure.proof is None:
        erasure = _go_on(erasure, work)
        if erasure.proof is None and context.clock() >= deadline:
            raise NotYet("the time of one attempt is over: the next one goes on", until=context.clock())
    return erasure.proof


def _go_on(erasure: Erasure, work: Work) -> Erasure:
    """One step further: a step of the pass that is under way, another pass, or the proof."""
    is_over = erasure.state == "listed" or erasure.place >= len(PLACES)
    if not is_over:
        _take_step(erasure, work)
    elif erasure.state == "erasing" and _is_last(erasure):
        _prove(erasure, work)
    else:
        _begin_pass(erasure, work)
    return _read(ErasePerson(project=erasure.project, erasure=erasure.id), work.context)


def _take_step(erasure: Erasure, work: Work) -> None:
    name, place = list(PLACES.items())[erasure.place]
    step = place(work, erasure.after or NIL)
    goes_on = (erasure.place + 1, None) if step.after is None else (erasure.place, step.after)
    with work.context.db.transaction() as tx:
        now = work.context.clock()
        store.note_step(tx, erasure, place=name, found=step.found, looked=step.looked, goes_on=goes_on, now=now)
    work.context.report(goes_on[0] / (len(PLACES) + 1))


def _is_last(erasure: Erasure) -> bool:
    """Whether the pass found nothing, and began when nothing was under way any more that was read before."""
    return erasure.found_in_pass == 0 and (
        erasure.last_found_at is None
        or (erasure.pass_began_at is not None and erasure.pass_began_at >= erasure.last_found_at + IN_FLIGHT)
    )


def _begin_pass(erasure: Erasure, work: Work) -> None:
    now = work.context.clock()
    if erasure.passes >= MOST_PASSES:
        raise StillHeld(f"{MOST_PASSES} passes have found values again and again: {_told(erasure.found)}")
    # After one that found something, another at once; after one that did not, one when all is quiet.
    if erasure.state == "erasing" and erasure.found_in_pass == 0 and erasure.last_found_at is not None:
        quiet_at = erasure.last_found_at + IN_FLIGHT
        if now < quiet_at:
            raise NotYet(
                f"the last pass begins at {quiet_at:%H:%M:%S}, when all has ended that runs now", until=quiet_at
            )
    with work.context.db.transaction() as tx:
        store.begin_pass(tx, erasure, now=now)


def _prove(erasure: Erasure, work: Work) -> None:
    """Look through all there is once more, and keep what that came to."""
    context, searched = work.context, Searched()
    search_tables(context.db, finder=work.finder, project=work.project, searched=searched)
    if context.settings.redis_url:
        search_queue(context.settings.redis_url, finder=work.finder, searched=searched)
    if searched.held:
        raise StillHeld(f"values still stand in: {_told(searched.held)}")
    now, days = context.clock(), context.settings.backup_days
    proof = {
        "erased_at": now.isoformat(),
        "before": erasure.found,
        "after": dict.fromkeys(erasure.found, 0),
        "searched": {
            "tables": searched.tables,
            "rows": searched.rows,
            **{name: erasure.looked.get(name, 0) for name in ("submissions", "chunks", "objects")},
            "queue_messages": searched.messages,
        },
        "passes": erasure.passes,
        "backups_until": (now + timedelta(days=days)).date().isoformat() if days else None,
    }
    with context.db.transaction() as tx:
        store.finish(tx, erasure, proof=proof)


def _read(payload: ErasePerson, context: TaskContext) -> Erasure:
    with context.db.transaction() as tx:
        return find_erasure(tx, payload.project, erasure=payload.erasure)


def _told(places: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in places.items() if count)
