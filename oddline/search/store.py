"""SQL of patterns' vectors and words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from oddline.database import Transaction
from oddline.search.model import Seen, Within

if TYPE_CHECKING:
    from oddline.search.embedder import Vectors

LOOKED_THROUGH: Final = 20_000
"""Patterns of a project that are looked at one by one: exact, where the index is not quite."""

ANYWHERE: Final = Within()
_WITHIN: Final = "%(sources)s::text[], %(from)s::timestamptz, %(to)s::timestamptz"


class Lacking(NamedTuple):
    """Patterns without a vector, in order; up to `after` all have theirs, and none has a number above `highest`."""

    patterns: dict[int, str]
    after: int
    highest: int


def projects_with_new(tx: Transaction, *, model_version: str) -> list[UUID]:
    """Projects that may have patterns without a vector of this model, in any order: none is always the last."""
    rows = tx.execute(
        "SELECT p.id FROM projects p LEFT JOIN vector_progress v ON v.project_id = p.id AND v.model_version = %s"
        " WHERE p.last_pattern > coalesce(v.pattern_id, 0) ORDER BY random()",
        [model_version],
    ).fetchall()
    return [project for (project,) in rows]


def take_turn(tx: Transaction) -> bool:
    """Be the one run that goes through all projects, until the transaction ends; False where another is."""
    return _take(tx, "vectors")


def take_project(tx: Transaction, project: UUID) -> bool:
    """Hold a project until the transaction ends, so that no other works on its vectors; False where another holds it.

    A lock of a row would hold up incremental readers for as long.
    """
    return _take(tx, f"vectors:{project}")


def _take(tx: Transaction, name: str) -> bool:
    row = tx.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name]).fetchone()
    return bool(row and row[0])


def lacking(tx: Transaction, project: UUID, *, model_version: str, limit: int) -> Lacking:
    """The next patterns without a vector of this model."""
    (highest, after), *_ = tx.execute(
        "SELECT p.last_pattern, coalesce(v.pattern_id, 0) FROM projects p"
        " LEFT JOIN vector_progress v ON v.project_id = p.id AND v.model_version = %s WHERE p.id = %s",
        [model_version, project],
    ).fetchall() or [(0, 0)]
    found = tx.execute(
        "SELECT p.id, p.pattern FROM patterns p WHERE p.project_id = %(project)s AND p.id > %(after)s"
        " AND NOT EXISTS (SELECT FROM pattern_vectors v WHERE v.project_id = p.project_id AND v.pattern_id = p.id"
        " AND v.model_version = %(model)s) ORDER BY p.id LIMIT %(limit)s",
        {"project": project, "after": after, "model": model_version, "limit": limit},
    ).fetchall()
    return Lacking(dict(found), after, highest)


def insert_vectors(
    tx: Transaction, project: UUID, *, patterns: Mapping[int, str], vectors: "Vectors", model_version: str
) -> set[int]:
    """Write vectors, with the words, of patterns that still read as they did: which these are."""
    written = tx.execute(
        "WITH made AS (SELECT p.id, p.pattern, n.vector"
        " FROM unnest(%(ids)s::int[], %(texts)s::text[], %(vectors)s::text[]) AS n (id, text, vector)"
        " JOIN patterns p ON p.project_id = %(project)s AND p.id = n.id AND p.pattern = n.text FOR SHARE OF p)"
        " INSERT INTO pattern_vectors (project_id, pattern_id, model_version, embedding, words)"
        " SELECT %(project)s, id, %(model)s, vector::halfvec, strip(to_tsvector('english', plain_words(pattern)))"
        " FROM made ORDER BY id ON CONFLICT (project_id, pattern_id) DO UPDATE SET"
        " model_version = excluded.model_version, embedding = excluded.embedding, words = excluded.words"
        " RETURNING pattern_id",
        {
            "project": project,
            "ids": list(patterns),
            "texts": list(patterns.values()),
            "vectors": [as_text(vector) for vector in vectors],
            "model": model_version,
        },
    ).fetchall()
    return {pattern for (pattern,) in written}


def note_progress(tx: Transaction, project: UUID, *, model_version: str, after: int, pattern_id: int) -> None:
    """Say that every pattern up to this one has its vector.

    Nothing is said where `after`, up to which they had it before, has changed meanwhile: an erasure went behind it.
    """
    tx.execute(
        "INSERT INTO vector_progress AS v (project_id, model_version, pattern_id)"
        " VALUES (%(project)s, %(model)s, %(to)s)"
        " ON CONFLICT (project_id) DO UPDATE SET model_version = excluded.model_version,"
        " pattern_id = excluded.pattern_id WHERE v.model_version <> %(model)s OR v.pattern_id = %(after)s",
        {"project": project, "model": model_version, "to": pattern_id, "after": after},
    )


def forget_vectors(tx: Transaction, project: UUID, *, pattern_ids: Sequence[int]) -> None:
    """Delete vectors and words of patterns that do not read any more as they did: they are made anew."""
    if pattern_ids:
        tx.execute(
            "DELETE FROM pattern_vectors WHERE project_id = %s AND pattern_id = ANY (%s)", [project, list(pattern_ids)]
        )
        tx.execute(
            "UPDATE vector_progress SET pattern_id = least(pattern_id, %s) WHERE project_id = %s",
            [min(pattern_ids) - 1, project],
        )


def count_waiting(tx: Transaction, project: UUID, *, model_version: str) -> int:
    """About how many patterns of the project have no vector of this model yet."""
    row = tx.execute(
        "SELECT p.last_pattern - coalesce(v.pattern_id, 0) FROM projects p"
        " LEFT JOIN vector_progress v ON v.project_id = p.id AND v.model_version = %s WHERE p.id = %s",
        [model_version, project],
    ).fetchone()
    return row[0] if row else 0


def nearest(
    tx: Transaction,
    *,
    vector: str,
    model_version: str,
    most: int,
    few: int = LOOKED_THROUGH,
    within: Within = ANYWHERE,
) -> list[tuple[int, float]]:
    """(pattern, cosine similarity) of the transaction's project, the nearest first; of more than `few` by the index."""
    with tx.cursor() as cursor:
        return cursor.execute(
            "SELECT pattern_id, similarity FROM nearest_patterns(%(vector)s::halfvec, %(model)s, %(most)s, %(few)s,"
            f" {_WITHIN}) ORDER BY similarity DESC, pattern_id",
            {"vector": vector, "model": model_version, "most": most, "few": few} | _asked(within),
        ).fetchall()


def count_words(tx: Transaction, words: Sequence[str]) -> dict[str, int]:
    """How many patterns of the transaction's project hold each word; without those that only bind others."""
    return dict(tx.execute("SELECT word, patterns FROM count_pattern_words(%s::text[])", [list(words)]).fetchall())


def with_words(
    tx: Transaction, weights: Mapping[str, float], *, most: int, within: Within = ANYWHERE
) -> list[tuple[int, list[str]]]:
    """(pattern, the words that it holds) of the transaction's project, those of the highest weight first."""
    with tx.cursor() as cursor:
        return cursor.execute(
            "SELECT pattern_id, matched FROM patterns_with_words(%(words)s::text[], %(weights)s::real[], %(most)s,"
            f" {_WITHIN})",
            {"words": list(weights), "weights": list(weights.values()), "most": most} | _asked(within),
        ).fetchall()


def seen(
    tx: Transaction, project: UUID, *, pattern_ids: Sequence[int], within: Within = ANYWHERE
) -> dict[int, list[Seen]]:
    """Where patterns were seen, the newest first; within a time, by the hours of their entries or by their scoring."""
    with tx.cursor() as cursor:
        rows = cursor.execute(
            "WITH counted AS MATERIALIZED (SELECT DISTINCT source_id, pattern_id"
            " FROM counted_within(%(from)s, %(to)s) WHERE pattern_id = ANY (%(ids)s))"
            " SELECT p.pattern_id, s.name, p.entries, p.first_seen, p.last_seen FROM source_patterns p"
            " JOIN sources s ON s.project_id = p.project_id AND s.id = p.source_id"
            " WHERE p.project_id = %(project)s AND p.pattern_id = ANY (%(ids)s)"
            " AND (%(sources)s::text[] = '{}' OR s.name = ANY (%(sources)s))"
            " AND ((%(from)s::timestamptz IS NULL OR p.last_seen >= %(from)s)"
            " AND (%(to)s::timestamptz IS NULL OR p.first_seen < %(to)s)"
            " OR (p.source_id, p.pattern_id) IN (SELECT source_id, pattern_id FROM counted))"
            " ORDER BY p.last_seen DESC, s.name",
            {"project": project, "ids": list(pattern_ids)} | _asked(within),
        ).fetchall()
    found: dict[int, list[Seen]] = {}
    for pattern, *rest in rows:
        found.setdefault(pattern, []).append(Seen(*rest))
    return found


def _asked(within: Within) -> dict[str, Any]:
    return {"sources": list(within.sources), "from": within.time_from, "to": within.time_to}


def as_text(vector: Sequence[float]) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(f"{value:.5g}" for value in vector) + "]"
