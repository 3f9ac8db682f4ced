"""The places in which values of a person can stand, each with what finds and erases them there.

A place is worked off in steps, so that a run that is cut short goes on where it was. Another context that holds
something of people joins by one line in `PLACES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import polars as pl

from oddline.audit import Actor, forget_person, forget_told_of
from oddline.chunks import Rewriter, StoredChunk
from oddline.errors import NotYet, ObjectMissing
from oddline.files import FileState, delete_file, find_behind, holds, is_underway
from oddline.identity import find_project, person_id
from oddline.patterns import rename_pattern, source_names
from oddline.privacy import place_store
from oddline.privacy.finder import Finder
from oddline.privacy.kept_objects import erase_objects
from oddline.privacy.rows import ROWS, Rows
from oddline.privacy.rows_store import erase_rows
from oddline.scoring.sequences import erase_open_sessions
from oddline.search import forget_vectors
from oddline.submissions import Columns, list_bodies, new_id, open_body, rewrite_body
from oddline.tasks import TaskContext

AT_ONCE: Final = 50  # chunks, bodies or objects in one step: some seconds
_NIL: Final = UUID(int=0)
BUSY: Final = timedelta(minutes=1)  # then a file that is being processed is asked for again
_TEXTS: Final = ("sources", "messages", "sessions", "trace_ids", "span_ids")


@dataclass(frozen=True, slots=True)
class Work:
    """What a place is searched for, and with what."""

    project: UUID
    finder: Finder
    context: TaskContext
    whole_installation: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What a step came to: how much held a value, how much was looked at, and behind what the next one goes on."""

    found: int
    looked: int = 0
    after: str | None = None


Place = Callable[[Work, str | None], Step]


def _rows(rows: Rows, work: Work, _after: str | None) -> Step:
    found = erase_rows(
        work.context.db,
        rows,
        finder=work.finder,
        project=work.project,
        whole_installation=work.whole_installation,
    )
    return Step(found)


def _members(work: Work, _after: str | None) -> Step:
    """People who belong to the project by a value: who is to be forgotten has no access any more.

    Roles are looked up at each request, so what they are signed in with ends with it.
    """
    now = work.context.clock()
    with work.context.db.transaction() as tx:
        gone = place_store.delete_members(tx, work.project, finder=work.finder)
        for issuer, subject in gone:
            if subject is not None:
                person = f"person:{person_id(issuer, subject)}"
                forget_person(tx, person=person, by=_us(work), now=now, project=work.project)
    return Step(len(gone))


def _trail(work: Work, _after: str | None) -> Step:
    """The audit trail, in which no row changes: who has a value for a name, or has written one, is forgotten there."""
    with work.context.db.transaction() as tx:
        forgotten = forget_told_of(tx, work.project, holds=work.finder.in_text, by=_us(work), now=work.context.clock())
    return Step(len(forgotten))


def _us(work: Work) -> Actor:
    return Actor(id="system", cipher=work.context.settings.cipher(), name="erasure")


def _patterns(work: Work, _after: str | None) -> Step:
    """Patterns, and what models said of them, in whose tokens a value stands in pieces."""
    with work.context.db.transaction() as tx:
        found = place_store.list_patterns(tx, work.project, finder=work.finder)
        for pattern_id, mask_version, text in found:
            erased = work.finder.text(text)
            rename_pattern(tx, work.project, pattern_id=pattern_id, mask_version=mask_version, text=erased)
        forget_vectors(tx, work.project, pattern_ids=[pattern_id for pattern_id, _, _ in found])
        memos = place_store.delete_memos(tx, work.project, finder=work.finder)
    return Step(len(found) + memos)


def _open_sessions(work: Work, _after: str | None) -> Step:
    return Step(erase_open_sessions(work.context.db, work.project, erase=work.finder.text))


def _bodies(work: Work, after: str | None) -> Step:
    db, objects = work.context.db, work.context.objects
    bodies = list_bodies(db, work.project, after=_id(after), limit=AT_ONCE)
    found = 0
    for body in bodies:
        columns = open_body(body, objects)
        if _erase_columns(columns, work.finder):
            rewrite_body(db, objects, body, columns, project=work.project, new_id=new_id)
            found += 1
    return Step(found, len(bodies), str(bodies[-1].submission) if len(bodies) == AT_ONCE else None)


def _erase_columns(columns: Columns, finder: Finder) -> bool:
    """Take the values out of entries that wait, or have waited; whether one held any."""
    hit = False
    for name in _TEXTS:
        values = getattr(columns, name)
        for place, text in enumerate(values):
            if text and finder.in_text(text):
                # A trace is digits alone: what is no trace any more is none.
                values[place] = "" if name in {"trace_ids", "span_ids"} else finder.text(text)
                hit = True
    for place, document in enumerate(columns.attributes):
        if document and finder.in_text(document):
            columns.attributes[place] = finder.json_text(document)
            hit = True
    return hit


def _chunks(work: Work, after: str | None) -> Step:
    context = work.context
    rewriter = Rewriter(
        db=context.db, objects=context.objects, project=work.project, clock=context.clock, new_id=new_id
    )
    chunks = rewriter.list(after=_id(after), limit=AT_ONCE)
    wanted, found = work.finder.in_entries(), 0
    for chunk in chunks:
        if hits := rewriter.holds(chunk, wanted):
            rewriter.rewrite(chunk, partial(erase_entries, finder=work.finder, names=_source_names(work)))
            found += hits if chunk.is_live else 0
            found += _still_counts(chunk)
    return Step(found, len(chunks), str(chunks[-1].id) if len(chunks) == AT_ONCE else None)


def _still_counts(chunk: StoredChunk) -> int:
    """One for a chunk that was replaced: its entries are counted where they live, but this pass was not in vain."""
    return 0 if chunk.is_live else 1


def _source_names(work: Work) -> dict[int, str]:
    with work.context.db.transaction() as tx:
        return source_names(tx, work.project)


def erase_entries(entries: pl.DataFrame, *, finder: Finder, names: dict[int, str]) -> pl.DataFrame:
    """The same rows without the values; a source has the name that it has now."""

    def changed(column: str, change: Callable[[str], str]) -> pl.Series:
        return pl.Series(column, [change(text) if text else text for text in entries[column]], dtype=pl.String)

    def without_trace(text: str) -> str:
        return "" if finder.in_text(text) else text

    sources = [
        names.get(source_id, finder.text(name)) if finder.in_text(name) else name
        for source_id, name in entries.select("source_id", "source").iter_rows()
    ]
    return entries.with_columns(
        pl.Series("source", sources, dtype=pl.String),
        changed("message", finder.text),
        changed("session", finder.text),
        changed("attributes", finder.json_text),
        changed("trace_id", without_trace),
        changed("span_id", without_trace),
    )


def _files(work: Work, after: str | None) -> Step:
    """Uploaded files, one in a step: which holds a value goes as a whole, since to write it anew is to upload it anew.

    One that comes in later is looked at once it is processed. One that is being processed goes behind that, so that
    the rest of its entries come in: however many days they wait for the project's quota.

    Raises:
        NotYet: one is being processed, and cannot go before that ends.
    """
    context = work.context
    with context.db.transaction() as tx:
        file = find_behind(tx, work.project, after=_id(after))
        must_wait = file is not None and is_underway(tx, file)
    if file is None:
        return Step(0)
    if file.state is FileState.DELETED:  # by an erasure that was killed on the way, say
        delete_file(context, file)
        return Step(0, 1, str(file.id))
    if must_wait:
        until = context.clock() + BUSY
        detail = f"file {file.id} is being processed: it is looked through when that is over"
        raise NotYet(detail, until=until, counts=False)
    if file.state is FileState.UPLOADING:
        return Step(0, 0, str(file.id))
    try:
        is_held = work.finder.in_text(file.object_key) or holds(context.objects, file, work.finder.in_text)
    except ObjectMissing:
        is_held = True  # its row names what is not there: nothing is lost with it
    if is_held:
        delete_file(context, file)
    return Step(int(is_held), 1, str(file.id))


def _objects(work: Work, after: str | None) -> Step:
    """Objects with all that is kept of them: what a merge left, what was replaced, what no row names."""
    context = work.context
    done = erase_objects(
        context.objects,
        context.db,
        finder=work.finder,
        project=work.project,
        uploads=is_trigger_project(work),
        after=after or "",
        limit=AT_ONCE,
    )
    return Step(done.found, done.looked, done.last)


def is_trigger_project(work: Work) -> bool:
    """Whether the project is the one that triggers feed: what they read and what they could not take is its own."""
    name = work.context.settings.trigger_project
    with work.context.db.transaction() as tx:
        return bool(name) and find_project(tx, name) == work.project


def _id(after: str | None) -> UUID:
    return UUID(after) if after else _NIL


# Names before what bears them: chunks are given the names that sources have then. Objects last: no row names them then.
PLACES: Final[dict[str, Place]] = {
    "members": _members,
    "audit_actions": _trail,
    **{rows.table: partial(_rows, rows) for rows in ROWS},
    "patterns": _patterns,
    "open_sequences": _open_sessions,
    "submissions": _bodies,
    "chunks": _chunks,
    "uploaded_files": _files,
    "objects": _objects,
}
