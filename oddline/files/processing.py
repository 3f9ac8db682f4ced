"""Turn a file into submissions, part by part, so that whoever goes on where another stopped does nothing twice."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from oddline.database import Transaction
from oddline.errors import FileStuck, LostClaim, NotYet, QuotaExceeded
from oddline.files import store
from oddline.files.log_file import FileState, LogFile
from oddline.files.metadata import Metadata, MetadataFold
from oddline.files.model import Block, Found
from oddline.files.opening import found_in, open_reader, stream
from oddline.files.reading import MOST_ENTRIES, EntryReader
from oddline.files.resuming import from_place
from oddline.files.tasks import PROCESS_LOG_FILE, FileGroup, FilePayload, FormattedFile
from oddline.files.uploads import check_format
from oddline.submissions import (
    SCORE_WAITING_BATCH,
    Intake,
    Part,
    derived_submission_id,
    open_intake,
    quota_of,
    tomorrow,
    wait_for_scoring,
)
from oddline.tasks import Task, TaskContext, find, others_wait

TURN: Final = timedelta(minutes=4)  # below the soft limit by more than a part takes
SHORT_TURN: Final = timedelta(seconds=5)  # while other projects wait
MOST_TRIES: Final = 5  # without one more part stored: then it is the file that kills its workers
IDS_LAST: Final = timedelta(days=5)  # an entry is looked for by its id up to 7 days behind the time in it
_WORKED_ON: Final = (FileState.UPLOADED, FileState.PROCESSING, FileState.FAILED)


def process_log_file(payload: FilePayload, context: TaskContext) -> dict[str, Any]:
    """Store a file's entries from where it was left; returns how many it has.

    Raises:
        NotYet: the turn is over, too much waits to be scored, or the project's quota of the day is used up.
        UnreadableFile, ObjectMissing: it cannot be read (permanent).
        FileStuck: every try ended without storing one more part, or the project's quota is too small (permanent).
        LostClaim, Unavailable: passing.
    """
    return _process(payload, context, asked="")


def parse_structured_logs(payload: FormattedFile, context: TaskContext) -> dict[str, Any]:
    """As `process_log_file`, of a file in a format that the caller knows.

    Raises:
        InvalidParameter: there is no such format.
        NotYet, UnreadableFile, ObjectMissing, FileStuck, LostClaim, Unavailable: as there.
    """
    check_format(payload.format)
    return _process(payload, context, asked=payload.format)


def tell_of_group(payload: FileGroup, context: TaskContext) -> dict[str, Any]:
    """What became of files that were processed side by side."""
    with context.db.transaction() as tx:
        files = [store.find(tx, payload.project, file=file) for file in payload.files]
    there = [file for file in files if file is not None]
    return {
        "files": len(payload.files),
        "processed": sum(file.state.is_read for file in there),
        "damaged": [str(file.id) for file in there if file.state is FileState.DAMAGED],
        "failed": [str(file.id) for file in there if file.state is FileState.FAILED],
        "entries": sum(file.entries for file in there),
    }


def mark_failed(tx: Transaction, task: Task) -> None:
    """Note in a file's row that its task failed for good."""
    payload = FilePayload.model_validate({name: task.payload[name] for name in ("project", "file")})
    file = store.find(tx, payload.project, file=payload.file)
    ended = find(tx, task.id)
    if file is not None and ended is not None:
        failed = {"state": str(FileState.FAILED), "error": ended.error, "finished_at": ended.finished_at}
        store.change(tx, file, was=_WORKED_ON, **failed)


def _process(payload: FilePayload, context: TaskContext, *, asked: str) -> dict[str, Any]:
    file = _begin(payload, context, asked=asked)
    if file is None or file.state.is_read:
        return {"entries": file.entries if file else 0, "warning": file.warning if file else None}
    if file.tries > MOST_TRIES:
        raise FileStuck(f"{MOST_TRIES} tries to read on at byte {file.position:,} ended without a part more")
    return _Reading(file, context).run()


def _begin(payload: FilePayload, context: TaskContext, *, asked: str) -> LogFile | None:
    """The file, marked as being processed, or as it is where there is nothing to do; None where it is gone."""
    with context.db.transaction() as tx:
        file = store.find(tx, payload.project, file=payload.file, lock=True)
        if file is None or file.state not in _WORKED_ON:
            return file
        known = {"format": asked, "found": None} if asked and not file.position else {}
        processing = str(FileState.PROCESSING)
        return store.change(tx, file, was=_WORKED_ON, state=processing, tries=file.tries + 1, error=None, **known)


@dataclass(slots=True)
class _Reading:
    """One turn at a file."""

    file: LogFile
    context: TaskContext
    _read_bytes: int = field(default=0, init=False)
    _refused: int = field(default=0, init=False)
    _intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self._intake = open_intake(self.context)

    def run(self) -> dict[str, Any]:
        began_at, most_entries = self.context.clock(), MOST_ENTRIES
        try:
            # Half of what may wait, so that a turn comes to more than finding its place again.
            wait_for_scoring(self.context, self.file.project, most=-(-self.context.settings.file_backlog // 2))
            while True:
                try:
                    return self._read(began_at=began_at, most_entries=most_entries)
                except QuotaExceeded as full:
                    most_entries = self._fewer(full)
        except NotYet:
            self._note(tries=0)
            raise

    def _read(self, *, began_at: datetime, most_entries: int) -> dict[str, Any]:
        """Read on to the file's end, in blocks of so many entries at most.

        Raises:
            QuotaExceeded: a block is more than the project may send today.
        """
        found, self._read_bytes = found_in(self.file, self.context), 0
        self.file = file = self._note(found=asdict(self.file.known or found))
        before = Metadata.restored(file.metadata) if file.position and file.metadata else None
        fold = MetadataFold(found, before=before)
        reader = open_reader(self._pieces(found), file, found=found, after=file.position, most_entries=most_entries)
        found_at: datetime | None = None
        for block in reader:
            found_at = found_at or self.context.clock()
            fold.add(block)
            self._store(block, fold)
            if self._is_over(began_at, found_at=found_at):
                raise NotYet("the turn is over: the rest is for the next", until=self.context.clock())
            wait_for_scoring(self.context, self.file.project)
        return self._end(reader, fold)

    def _is_over(self, began_at: datetime, *, found_at: datetime) -> bool:
        """Whether the process is for others now; `found_at` is when this turn had found where the last one stopped."""
        had = self.context.clock() - began_at
        if had >= TURN:
            return True
        # Twice what finding the place took: otherwise a large packed file would come to little else.
        is_short = had < max(SHORT_TURN, 2 * (found_at - began_at))
        return not is_short and others_wait(PROCESS_LOG_FILE, project=self.file.project, context=self.context)

    def _fewer(self, full: QuotaExceeded) -> int:
        """How many entries of the refused block the project may still send today.

        Raises:
            NotYet: none.
            FileStuck: one alone is more than the project may send on any day (permanent).
        """
        requested, limit = int(full.extra["requested"]), int(full.extra["limit"])
        left = limit - int(full.extra["used"])
        if self._refused == 1 and requested > limit:
            raise FileStuck(f"an entry has more than the project may send a day: {full.detail}") from full
        if self._refused == 1 or left <= 0:
            raise tomorrow(full) from full
        return max(1, self._refused * left // requested)

    def _pieces(self, found: Found) -> Iterator[bytes]:
        def kept(start: int) -> Generator[bytes, None, None]:
            return stream(self.context.objects, self.file, start=start)

        for piece in from_place(kept, position=self.file.position, found=found):
            self._read_bytes += len(piece)
            yield piece

    def _store(self, block: Block, fold: MetadataFold) -> None:
        file, start, end, now = self.file, block.start, block.end, self.context.clock()
        late = max(0, (now - file.put_at) // IDS_LAST) * IDS_LAST
        derived = derived_submission_id(
            at=file.put_at + late, of=f"{file.object_key}\n{file.object_version}\n{start}-{end}".encode()
        )
        for entry in block.entries:
            entry.setdefault("source", file.source)
        progress = min(self._read_bytes / file.kept_size, 1.0) if file.kept_size else 0.0
        noted: list[bool] = []

        def note(tx: Transaction, refused: int) -> None:
            taken = len(block.entries) - refused
            if not store.advance(
                tx,
                file,
                start=start,
                end=end,
                entries=taken,
                refused=refused,
                progress=progress,
                metadata=fold.metadata.view(),
            ):
                raise LostClaim(f"somebody else has read file {file.id} on from byte {start:,}")
            if taken:
                store.insert_part(tx, file, start=start, end=end, submission=derived, entries=taken, now=now)
            noted.append(True)

        self._take(Part(name=f"file {file.id}", entries=block.entries, submission=derived), note, now=now)
        if not noted:
            raise LostClaim(f"bytes {start:,} to {end:,} of file {file.id} are stored, and not by this turn")
        self.context.publisher.wake(SCORE_WAITING_BATCH)
        self.context.report(progress)

    def _take(self, part: Part, note: Callable[[Transaction, int], None], *, now: datetime) -> None:
        quota = quota_of(self.context, self.file.project)
        try:
            self._intake.store(part, project=self.file.project, now=now, quota=quota, also_told=note)
        except QuotaExceeded:
            self._refused = len(part.entries)
            raise

    def _end(self, reader: EntryReader, fold: MetadataFold) -> dict[str, Any]:
        fold.end(packed_bytes=reader.packed_bytes, damaged=reader.problems.damaged)
        metadata = fold.metadata.view()
        done = self._note(
            state=str(FileState.DAMAGED if reader.problems.damaged else FileState.PROCESSED),
            finished_at=self.context.clock(),
            progress=1.0,
            metadata=metadata,
            problems=metadata["problems"],
        )
        told = {"entries": done.entries, "refused": done.refused, "warning": done.warning}
        return told | {"metadata": metadata_told(metadata)}

    def _note(self, **columns: Any) -> LogFile:
        """Write into the file's row.

        Raises:
            LostClaim: it is being processed no more.
        """
        with self.context.db.transaction() as tx:
            changed = store.change(tx, self.file, was=[FileState.PROCESSING], **columns)
        if changed is None:
            raise LostClaim(f"file {self.file.id} is being processed no more")
        return changed


def metadata_told(metadata: dict[str, Any]) -> dict[str, Any]:
    """What a task's result tells of a file: what is small."""
    return {name: metadata[name] for name in ("format", "encoding", "compression", "entries", "first", "last")}
