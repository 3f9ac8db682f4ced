"""SQL that finds the values of a person in what other contexts keep, and takes them out there."""

from collections.abc import Collection, Set
from uuid import UUID

from oddline.database import Transaction
from oddline.privacy.finder import Finder


def delete_members(tx: Transaction, project: UUID, *, finder: Finder) -> list[tuple[str, str | None]]:
    """Take out of a project who belongs to it by a value; returns (issuer, subject) of each."""
    return tx.execute(
        "DELETE FROM members WHERE project_id = %(project)s"
        f" AND concat_ws(E'\\n', subject, email) {_matches(finder)} %(pattern)s RETURNING issuer, subject",
        {"project": project, "pattern": finder.pattern},
    ).fetchall()


def list_patterns(tx: Transaction, project: UUID, *, finder: Finder) -> list[tuple[int, int, str]]:
    """(id, mask version, text) of the patterns that hold a value; nobody else changes them meanwhile."""
    return tx.execute(
        "SELECT id, mask_version, pattern FROM patterns WHERE project_id = %(project)s"
        f" AND pattern {_matches(finder)} %(pattern)s ORDER BY id FOR UPDATE",
        {"project": project, "pattern": finder.pattern},
    ).fetchall()


def delete_memos(tx: Transaction, project: UUID, *, finder: Finder) -> int:
    """Forget what models said of patterns in whose tokens a value stands in pieces; returns how many."""
    return tx.execute(
        "DELETE FROM pattern_memo WHERE project_id = %(project)s"
        f" AND array_to_string(tokens, '') {_matches(finder)} %(pattern)s",
        {"project": project, "pattern": finder.pattern},
    ).rowcount


def named_objects(tx: Transaction, project: UUID, *, keys: Collection[str]) -> Set[str]:
    """Those of some objects that a row of the project names."""
    rows = tx.execute(
        "SELECT object_key FROM compacted_chunks WHERE project_id = %(project)s AND replaced_by IS NULL"
        " AND object_key = ANY (%(keys)s) UNION ALL SELECT body_object FROM submissions"
        " WHERE project_id = %(project)s AND body_object = ANY (%(keys)s)",
        {"project": project, "keys": list(keys)},
    ).fetchall()
    return {key for (key,) in rows}


def file_objects(tx: Transaction, project: UUID, *, keys: Collection[str]) -> Set[tuple[str, str]]:
    """(key, version) of those of some objects that are files of the project, an empty version where none is kept."""
    rows = tx.execute(
        "SELECT object_key, object_version FROM files"
        " WHERE project_id = %s AND state <> 'deleted' AND object_key = ANY (%s)",
        [project, list(keys)],
    ).fetchall()
    return set(rows)


def own_tasks(tx: Transaction, project: UUID, *, tasks: Collection[UUID]) -> Set[UUID]:
    """Those of some tasks that are the project's."""
    rows = tx.execute("SELECT id FROM tasks WHERE project_id = %s AND id = ANY (%s)", [project, list(tasks)]).fetchall()
    return {task for (task,) in rows}


def _matches(finder: Finder) -> str:
    return "~*" if finder.ignore_case else "~"
