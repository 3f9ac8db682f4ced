"""SQL of patterns, the model's memo, sources and what each source has known."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.patterns.model import Memo, Sighting, SourceCounts, SourceKey, StoredPattern, pattern_hash


def find_patterns(
    tx: Transaction, project: UUID, *, hashes: Sequence[bytes], mask_version: int, model_version: str
) -> list[StoredPattern]:
    """Those of the patterns that the project has, with their memo of this model."""
    with tx.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "SELECT p.id, p.pattern, m.severity_logit, m.tokens, m.shares, m.embedding, m.views FROM patterns p"
            " LEFT JOIN pattern_memo m ON m.project_id = p.project_id AND m.pattern_id = p.id AND m.model_version = %s"
            " WHERE p.project_id = %s AND p.mask_version = %s AND p.hash = ANY (%s)",
            [model_version, project, mask_version, list(hashes)],
        ).fetchall()
    return [_stored_pattern(row) for row in rows]


def find_patterns_by_id(
    tx: Transaction, project: UUID, *, pattern_ids: Sequence[int], model_version: str
) -> list[StoredPattern]:
    """Those of the patterns that the project has, with their memo of this model."""
    with tx.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "SELECT p.id, p.pattern, m.severity_logit, m.tokens, m.shares, m.embedding, m.views FROM patterns p"
            " LEFT JOIN pattern_memo m ON m.project_id = p.project_id AND m.pattern_id = p.id AND m.model_version = %s"
            " WHERE p.project_id = %s AND p.id = ANY (%s::int[])",
            [model_version, project, list(pattern_ids)],
        ).fetchall()
    return [_stored_pattern(row) for row in rows]


def insert_patterns(
    tx: Transaction, project: UUID, *, patterns: Mapping[bytes, str], mask_version: int, now: datetime
) -> None:
    """Write the patterns that are new, by hash, in the order of the hashes; ids are small integers of the project."""
    ordered = sorted(patterns)
    tx.execute(
        "WITH fresh AS (SELECT hash, pattern"
        " FROM unnest(%(hashes)s::bytea[], %(patterns)s::text[]) AS n (hash, pattern)"
        " WHERE NOT EXISTS (SELECT 1 FROM patterns p WHERE p.project_id = %(project)s"
        " AND p.mask_version = %(mask_version)s AND p.hash = n.hash)),"
        " counter AS (UPDATE projects SET last_pattern = last_pattern + (SELECT count(*) FROM fresh)"
        " WHERE id = %(project)s RETURNING last_pattern - (SELECT count(*) FROM fresh) AS taken)"
        " INSERT INTO patterns (project_id, id, mask_version, hash, pattern, first_seen)"
        " SELECT %(project)s, taken + row_number() OVER (ORDER BY hash), %(mask_version)s, hash, pattern, %(now)s"
        " FROM fresh, counter ORDER BY hash ON CONFLICT DO NOTHING",
        {
            "project": project,
            "hashes": ordered,
            "patterns": [patterns[one] for one in ordered],
            "mask_version": mask_version,
            "now": now,
        },
    )


def insert_memos(tx: Transaction, project: UUID, *, memos: Mapping[int, Memo], model_version: str) -> None:
    """Write what the model said of patterns, unless another worker has."""
    ordered = sorted(memos)
    # Token lists differ in length, which no array of arrays can: they travel joined by a character no token holds.
    tx.execute(
        "INSERT INTO pattern_memo (project_id, pattern_id, model_version, severity_logit, tokens, shares, embedding,"
        " views) SELECT %s, id, %s, logit, string_to_array(tokens, E'\\x1f'), shares, embedding, views"
        " FROM unnest(%s::int[], %s::real[], %s::text[], %s::bytea[], %s::bytea[], %s::bytea[])"
        " AS m (id, logit, tokens, shares, embedding, views) ON CONFLICT DO NOTHING",
        [
            project,
            model_version,
            ordered,
            [memos[one].severity_logit for one in ordered],
            ["\x1f".join(token.replace("\x1f", " ") for token in memos[one].tokens) for one in ordered],
            [memos[one].shares for one in ordered],
            [memos[one].embedding for one in ordered],
            [memos[one].views for one in ordered],
        ],
    )


def ensure_sources(tx: Transaction, project: UUID, *, names: Sequence[str], now: datetime) -> list[SourceKey]:
    """The sources of these names, made where they are missing."""
    tx.execute(
        "WITH fresh AS (SELECT name FROM unnest(%(names)s::text[]) AS n (name)"
        " WHERE NOT EXISTS (SELECT 1 FROM sources s WHERE s.project_id = %(project)s AND s.name = n.name)),"
        " counter AS (UPDATE projects SET last_source = last_source + (SELECT count(*) FROM fresh)"
        " WHERE id = %(project)s AND EXISTS (SELECT 1 FROM fresh)"
        " RETURNING last_source - (SELECT count(*) FROM fresh) AS taken)"
        " INSERT INTO sources (project_id, id, name, first_seen, last_seen)"
        " SELECT %(project)s, taken + row_number() OVER (ORDER BY name), name, %(now)s, %(now)s"
        " FROM fresh, counter ORDER BY name ON CONFLICT DO NOTHING",
        {"project": project, "names": sorted(set(names)), "now": now},
    )
    return list_sources(tx, project, names=names)


def list_sources(tx: Transaction, project: UUID, *, names: Sequence[str]) -> list[SourceKey]:
    """Those of the sources that the project has."""
    with tx.cursor(row_factory=class_row(SourceKey)) as cursor:
        return cursor.execute(
            "SELECT id, name, threshold FROM sources WHERE project_id = %s AND name = ANY (%s)",
            [project, list(set(names))],
        ).fetchall()


def source_names(tx: Transaction, project: UUID) -> dict[int, str]:
    """The names of a project's sources, by their ids."""
    return dict(tx.execute("SELECT id, name FROM sources WHERE project_id = %s", [project]).fetchall())


def known_patterns(
    tx: Transaction, project: UUID, *, source_id: int, model_version: str, most: int
) -> list[tuple[int, int, float | None]]:
    """(pattern, days seen, severity logit) of what a source has had; of more than `most` those that came last.

    Of those of one day the ones of most days count first, so that a flood of new ones pushes out itself.

    The logit is None of a pattern that this model has not read.
    """
    with tx.cursor(binary=True) as cursor:
        return cursor.execute(
            "SELECT s.pattern_id, s.days_seen, m.severity_logit"
            " FROM (SELECT pattern_id, days_seen FROM source_patterns WHERE project_id = %(project)s"
            " AND source_id = %(source)s ORDER BY last_day DESC, days_seen DESC LIMIT %(most)s) AS s"
            " LEFT JOIN pattern_memo m ON m.project_id = %(project)s AND m.model_version = %(model)s"
            " AND m.pattern_id = s.pattern_id",
            {"project": project, "source": source_id, "model": model_version, "most": most},
        ).fetchall()


def pattern_embeddings(
    tx: Transaction, project: UUID, *, pattern_ids: Sequence[int], model_version: str
) -> dict[int, tuple[bytes, bytes]]:
    """Embedding (little-endian float32) and views (as in `Memo`) of those of the patterns that the model has read."""
    with tx.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "SELECT pattern_id, embedding, views FROM pattern_memo"
            " WHERE project_id = %s AND model_version = %s AND pattern_id = ANY (%s)",
            [project, model_version, list(pattern_ids)],
        ).fetchall()
    return {pattern: (embedding, views) for pattern, embedding, views in rows}


def pattern_texts(tx: Transaction, project: UUID, *, pattern_ids: Sequence[int]) -> dict[int, str]:
    """The texts of patterns by their ids."""
    return dict(
        tx.execute(
            "SELECT id, pattern FROM patterns WHERE project_id = %s AND id = ANY (%s)", [project, list(pattern_ids)]
        ).fetchall()
    )


def patterns_since(tx: Transaction, project: UUID, *, pattern_ids: Sequence[int], since: datetime) -> list[int]:
    """Those of some patterns that the project had not seen before a moment."""
    rows = tx.execute(
        "SELECT id FROM patterns WHERE project_id = %s AND id = ANY (%s) AND first_seen >= %s",
        [project, list(pattern_ids), since],
    ).fetchall()
    return [row[0] for row in rows]


def rename_pattern(tx: Transaction, project: UUID, *, pattern_id: int, mask_version: int, text: str) -> None:
    """Give a pattern another text; what models have said of the old one is forgotten, and said again when needed.

    Where another pattern has that text already, that one goes on being found by it.
    """
    taken = tx.execute(
        "SELECT 1 FROM patterns WHERE project_id = %s AND mask_version = %s AND hash = %s AND id <> %s",
        [project, mask_version, pattern_hash(text), pattern_id],
    ).fetchone()
    found_by = pattern_hash(f"{text} <{pattern_id}>" if taken else text)
    tx.execute(
        "UPDATE patterns SET pattern = %s, hash = %s WHERE project_id = %s AND id = %s",
        [text, found_by, project, pattern_id],
    )
    tx.execute("DELETE FROM pattern_memo WHERE project_id = %s AND pattern_id = %s", [project, pattern_id])


def add_sightings(tx: Transaction, project: UUID, *, sightings: Sequence[Sighting]) -> None:
    """Add to what each source has had of each pattern.

    Days (UTC) are counted in the order in which they are folded: a day before the last one that is counted adds none,
    so that a pattern can seem to have been seen on fewer days than it was, never on more.
    """
    ordered = sorted(sightings, key=lambda one: (one.source_id, one.pattern_id))
    tx.execute(
        "INSERT INTO source_patterns AS s"
        " (project_id, source_id, pattern_id, first_seen, last_seen, entries, last_day, days_seen)"
        " SELECT %(project)s, source, pattern, first, last, entries, last_day, 1 + (first_day < last_day)::int"
        " FROM unnest(%(sources)s::int[], %(patterns)s::int[], %(first)s::timestamptz[], %(last)s::timestamptz[],"
        " %(entries)s::bigint[], %(first_days)s::date[], %(last_days)s::date[])"
        " AS n (source, pattern, first, last, entries, first_day, last_day)"
        " ON CONFLICT (project_id, source_id, pattern_id) DO UPDATE SET"
        " first_seen = least(s.first_seen, excluded.first_seen), last_seen = greatest(s.last_seen, excluded.last_seen),"
        " entries = s.entries + excluded.entries, last_day = greatest(s.last_day, excluded.last_day),"
        " days_seen = s.days_seen + CASE WHEN excluded.last_day <= s.last_day THEN 0"
        " WHEN (excluded.first_seen AT TIME ZONE 'UTC')::date <= s.last_day THEN 1 ELSE excluded.days_seen END",
        {
            "project": project,
            "sources": [one.source_id for one in ordered],
            "patterns": [one.pattern_id for one in ordered],
            "first": [one.first_seen for one in ordered],
            "last": [one.last_seen for one in ordered],
            "entries": [one.entries for one in ordered],
            "first_days": [one.first_seen.astimezone(UTC).date() for one in ordered],
            "last_days": [one.last_seen.astimezone(UTC).date() for one in ordered],
        },
    )


def forget_patterns(tx: Transaction, *, before: date, limit: int) -> int:
    """Delete up to `limit` of what sources have not had since the day `before`; returns how many."""
    return tx.execute(
        "DELETE FROM source_patterns s USING (SELECT o.* FROM sources q CROSS JOIN LATERAL ("
        " SELECT p.project_id, p.source_id, p.pattern_id FROM source_patterns p"
        " WHERE p.project_id = q.project_id AND p.source_id = q.id AND p.last_day < %(before)s LIMIT %(limit)s) AS o"
        " LIMIT %(limit)s) AS old WHERE s.project_id = old.project_id AND s.source_id = old.source_id"
        " AND s.pattern_id = old.pattern_id AND s.last_day < %(before)s",
        {"before": before, "limit": limit},
    ).rowcount


def add_source_counts(tx: Transaction, project: UUID, *, counts: Sequence[SourceCounts]) -> None:
    """Add to each source's counts and its histogram of scores."""
    tx.cursor().executemany(
        "UPDATE sources SET entries = entries + %(entries)s,"
        " last_seen = greatest(last_seen, %(last_seen)s), histogram = ARRAY("
        "   SELECT coalesce(old, 0) + coalesce(new, 0)"
        "   FROM unnest(histogram, %(histogram)s::bigint[]) WITH ORDINALITY AS h (old, new, bin) ORDER BY bin)"
        " WHERE project_id = %(project)s AND id = %(source)s",
        [
            {
                "project": project,
                "source": one.source_id,
                "entries": one.entries,
                "last_seen": one.last_seen,
                "histogram": list(one.histogram),
            }
            for one in sorted(counts, key=lambda count: count.source_id)
        ],
    )


def _stored_pattern(row: tuple[Any, ...]) -> StoredPattern:
    identifier, pattern, logit, tokens, *packed = row
    memo = None if logit is None else Memo(logit, tuple(tokens), *map(bytes, packed))
    return StoredPattern(id=identifier, pattern=pattern, memo=memo)
