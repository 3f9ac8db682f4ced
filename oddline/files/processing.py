"""Turn a file into submissions, part by part, so that whoever goes on where another stopped does nothing twice."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from oddline.database import Transaction
from oddline.errors import FileStuck, LostClaim, NotYet, QuotaExceeded
from oddline.files import store
from oddline.files.encodings import UTF_16_BE, UTF_16_LE
from oddline.files.log_file import FileState, LogFile
from oddline.files.metadata import Metadata, MetadataFold
from oddline.files.model import SAMPLE_BYTES, Block, Found
from oddline.files.reading import EntryReader, read_entries
from oddline.files.sniffing import look_at
from oddline.files.tasks import FileGroup, FilePayload, FormattedFile
from oddline.files.unpacking import NONE
from oddline.files.uploads import check_format
from oddline.limits import default_limits, read_limits
from oddline.objects import PIECE_BYTES
from oddline.redaction import RuleBook
from oddline.submissions import SCORE_WAITING_BATCH, Intake, Part, Quota, count_unscored, derived_submission_id
from oddline.tasks import Task, TaskContext, find

TURN: Final = timedelta(minutes=4)  # then others have the process; below the soft limit by more than a part takes
SCORED_AGAIN: Final = timedelta(seconds=5)  # in which a worker scores some of what waits
MOST_TRIES: Final = 5  # without one more part stored: then it is the file that kills its workers
_SKIPPED: Final = bytes(PIECE_BYTES)
_WORKED_ON: Final = (FileState.UPLOADED, FileState.PROCESSING, FileState.FAILED)


def process_log_file(payload: FilePayload, context: TaskContext) -> dict[str, Any]:
    """Store a file's entries from where it was left; returns how many it has.

    Raises:
        NotYet: the turn is over, too much waits to be scored, or the project's quota of the day is used up.
        UnreadableFile, ObjectMissing: it cannot be read (permanent).
        FileStuck: every try ended without storing one more part (permanent).
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
        "processed": sum(file.state is FileState.PROCESSED for file in there),
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
    if file is None or file.state is FileState.PROCESSED:
        return {"entries": file.entries if file else 0}
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
    _rule_book: RuleBook = field(init=False)

    def __post_init__(self) -> None:
        self._rule_book = RuleBook(self.context.settings.cipher)

    def run(self) -> dict[str, Any]:
        began_at, found = self.context.clock(), found_in(self.file, self.context)
        before = Metadata.restored(self.file.metadata) if self.file.position and self.file.metadata else None
        fold = MetadataFold(found, before=before)
        self._note(found=asdict(found))
        reader = open_reader(self._pieces(found), self.file, found=found, after=self.file.position)
        try:
            most = self.context.settings.file_backlog
            self._wait_for_scoring(most=-(-most // 2))
            for block in reader:
                fold.add(block)
                self._store(block, fold)
                if self.context.clock() >= began_at + TURN:
                    raise NotYet("the turn is over: the rest is for the next", until=self.context.clock())
                self._wait_for_scoring(most=most)
        except NotYet:
            self._note(tries=0)
            raise
        return self._end(reader, fold)

    def _pieces(self, found: Found) -> Iterator[bytes]:
        for piece in self._from_place(found):
            self._read_bytes += len(piece)
            yield piece

    def _from_place(self, found: Found) -> Iterator[bytes]:
        """The file; what was read before is only counted, but for its beginning, where bytes stand as they are read."""
        objects, file = self.context.objects, self.file
        place = file.position // PIECE_BYTES * PIECE_BYTES
        if found.compression != NONE or found.encoding in {UTF_16_LE, UTF_16_BE} or place <= PIECE_BYTES:
            yield from objects.stream(file.object_key, version=file.object_version)
            return
        yield next(objects.stream(file.object_key, version=file.object_version))
        for _ in range(PIECE_BYTES, place, PIECE_BYTES):
            yield _SKIPPED
        yield from objects.stream(file.object_key, start=place, version=file.object_version)

    def _store(self, block: Block, fold: MetadataFold) -> None:
        file, start, end = self.file, block.start, block.end
        derived = derived_submission_id(
            at=file.put_at, of=f"{file.object_key}\n{file.object_version}\n{start}-{end}".encode()
        )
        for entry in block.entries:
            entry.setdefault("source", file.source)
        progress = min(self._read_bytes / file.size, 1.0) if file.size else 0.0
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
                now = self.context.clock()
                store.insert_part(tx, file, start=start, end=end, submission=derived, entries=taken, now=now)
            noted.append(True)

        self._take(Part(name=file.name, entries=block.entries, submission=derived), note)
        if not noted:
            raise LostClaim(f"bytes {start:,} to {end:,} of file {file.id} are stored, and not by this turn")
        self.context.publisher.wake(SCORE_WAITING_BATCH)
        self.context.report(progress)

    def _take(self, part: Part, note: Callable[[Transaction, int], None]) -> None:
        context, project = self.context, self.file.project
        with context.db.transaction(project=project) as tx:
            limits = read_limits(tx, project, defaults=default_limits(context.settings))
        intake = Intake(
            db=context.db,
            objects=context.objects,
            rule_book=self._rule_book,
            body_object_bytes=context.settings.body_object_bytes,
            metrics=context.metrics,
        )
        try:
            intake.store(
                part,
                project=project,
                now=context.clock(),
                quota=Quota(entries=limits.entries_a_day, bytes=limits.bytes_a_day),
                also_told=note,
            )
        except QuotaExceeded as full:
            midnight = datetime.fromisoformat(full.extra["resets_at"])
            raise NotYet(f"{full.detail}: the rest is for tomorrow", until=midnight) from full

    def _wait_for_scoring(self, *, most: int) -> None:
        """Give the turn back while a project has too much that is not scored: bodies take room until they are.

        A turn begins when there is less, so that it comes to more than finding its place again.
        """
        with self.context.db.transaction() as tx:
            waiting = count_unscored(tx, self.file.project, limit=most)
        if waiting >= most:
            self.context.publisher.wake(SCORE_WAITING_BATCH)
            until = self.context.clock() + SCORED_AGAIN
            raise NotYet(f"{waiting} submissions of the project wait to be scored", until=until)

    def _end(self, reader: EntryReader, fold: MetadataFold) -> dict[str, Any]:
        fold.end(packed_bytes=reader.packed_bytes, damaged=reader.problems.damaged)
        metadata = fold.metadata.view()
        done = self._note(
            state=str(FileState.PROCESSED),
            finished_at=self.context.clock(),
            progress=1.0,
            metadata=metadata,
            problems=metadata["problems"],
        )
        return {"entries": done.entries, "refused": done.refused, "metadata": metadata_told(metadata)}

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


def found_in(file: LogFile, context: TaskContext) -> Found:
    """What a file is: as was found before, or as its first bytes and its owner say.

    Raises:
        ObjectMissing: its object is gone.
    """
    if file.known:
        return file.known
    start = b""
    for piece in context.objects.stream(file.object_key, version=file.object_version):
        start += piece
        if len(start) >= SAMPLE_BYTES:
            break
    found = look_at(start[:SAMPLE_BYTES], name=file.name)
    return Found(file.format or found.format, found.encoding, found.compression)


def open_reader(pieces: Iterator[bytes], file: LogFile, *, found: Found, after: int = 0) -> EntryReader:
    """What reads a file's entries; each time the same ones."""
    zone = ZoneInfo(file.zone) if file.zone else None
    return read_entries(pieces, found=found, now=file.put_at, year_hint=file.put_at, after=after, zone=zone)
