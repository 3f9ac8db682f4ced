"""Put another body in the place of a stored one, so that nobody goes on with the old one: only erasure may do that."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Database
from oddline.errors import ObjectMissing
from oddline.objects import ObjectStore
from oddline.submissions.body import pack, unpack
from oddline.submissions.model import Columns


@dataclass(frozen=True, slots=True)
class KeptBody:
    """A body that is kept, whatever became of its submission."""

    submission: UUID
    day: date
    packed: bytes
    object_key: str | None


def list_bodies(db: Database, project: UUID, *, after: UUID, limit: int) -> list[KeptBody]:
    """Up to `limit` bodies of a project behind an id, in the order of ids."""
    with db.transaction() as tx, tx.cursor(binary=True, row_factory=class_row(KeptBody)) as cursor:
        return cursor.execute(
            "SELECT id AS submission, day, coalesce(body, '') AS packed, body_object AS object_key FROM submissions"
            " WHERE project_id = %s AND id > %s ORDER BY id, day LIMIT %s",
            [project, after, limit],
        ).fetchall()


def open_body(body: KeptBody, objects: ObjectStore) -> Columns:
    """The entries of a body; none where its object is gone.

    Raises:
        CorruptBody: it cannot be read back.
        ObjectStoreUnavailable: no answer.
    """
    try:
        return unpack(body.packed if body.object_key is None else objects.get(body.object_key))
    except ObjectMissing:
        return Columns()


def rewrite_body(
    db: Database, objects: ObjectStore, body: KeptBody, columns: Columns, *, project: UUID, new_id: Callable[[], UUID]
) -> None:
    """Store other entries in the place of a body's.

    A worker that holds the submission has read the old ones: its claim is taken away, so that it cannot finish them.
    An object gets a new name; the old one is the caller's to delete.
    """
    packed: bytes | None = pack(columns)
    key = None
    if body.object_key is not None and packed is not None:
        key = f"bodies/{body.day:%Y-%m-%d}/{project}/{body.submission}-{new_id()}"
        objects.put(key, packed, metadata={"project": str(project)})
        packed = None
    with db.transaction() as tx:
        tx.execute(
            "UPDATE submission_state SET state = 'accepted', lease_until = NULL, worker = NULL"
            " WHERE id IN (SELECT id FROM submission_state WHERE id = %s AND state = 'claimed' FOR UPDATE)",
            [body.submission],
        )
        tx.execute(
            "UPDATE submissions SET body = %(body)b, body_object = %(key)s WHERE id = %(id)s AND day = %(day)s",
            {"body": packed, "key": key, "id": body.submission, "day": body.day},
        )
