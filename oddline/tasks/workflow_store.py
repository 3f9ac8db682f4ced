"""SQL of tasks that wait for others."""

from uuid import UUID

from oddline.database import Transaction

_OPEN = "state IN ('PENDING', 'STARTED', 'PROGRESS', 'RETRY')"


def child_ended(tx: Transaction, child: UUID) -> tuple[UUID, str] | None:
    """In the transaction that ends a task: (id, name) of its parent, if that waited for this one last."""
    parent = _lock_parent(tx, child)
    return _count_children(tx, parent) if parent is not None else None


def open_children(tx: Transaction, parent: UUID) -> list[UUID]:
    """The tasks that a task waits for."""
    return [row[0] for row in tx.execute(f"SELECT id FROM tasks WHERE parent_id = %s AND {_OPEN}", [parent]).fetchall()]


def _lock_parent(tx: Transaction, child: UUID) -> UUID | None:
    """The waiting parent of a task; until the transaction ends nobody else counts its children."""
    row = tx.execute(
        "SELECT parent.id FROM tasks JOIN tasks parent ON parent.id = tasks.parent_id"
        " WHERE tasks.id = %s AND parent.children_left IS NOT NULL FOR UPDATE OF parent",
        [child],
    ).fetchone()
    return row[0] if row else None


def _count_children(tx: Transaction, parent: UUID) -> tuple[UUID, str] | None:
    """Note how many children of a locked parent have not ended; (id, name) of one that has none left."""
    row = tx.execute(
        "UPDATE tasks SET children_left = nullif("
        f"(SELECT count(*) FROM tasks child WHERE child.parent_id = %(id)s AND child.{_OPEN}), 0)"
        " WHERE id = %(id)s RETURNING id, name, children_left IS NULL AND state IN ('PENDING', 'RETRY')",
        {"id": parent},
    ).fetchone()
    return (row[0], row[1]) if row and row[2] else None
