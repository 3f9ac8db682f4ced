"""SQL of patterns, the model's memo, sources and what each source has known."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.patterns.model import Memo, Sighting, SourceCounts, SourceKey, StoredPattern


def find_patterns(
    tx: Transaction, project: UUID, *, hashes: Sequence[bytes], mask_version: int, model_version: str
) -> list[StoredPattern]:
    """Those of the patterns that the project has, with their memo of this model."""
    with tx.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "SELECT p.id, p.pattern, m.severity_logit, m.tokens, m.shares, m.embedding FROM patterns p"
            " LEFT JOIN pattern_memo m ON m.project_id = p.project_id AND m.pattern_id = p.id AND m.model_version = %s"
            " WHERE p.project_id = %s AND p.mask_version = %s AND p.hash = ANY (%s)",
            [model_version, project, mask_version, list(hashes)],
        ).fetchall()
    return [
        StoredPattern(
            id=identifier,
            pattern=pattern,
            memo=None if logit is None else Memo(logit, tuple(tokens), bytes(shares), bytes(embedding)),
        )
        for identifier, pattern, logit, tokens, shares, embedding in rows
    ]


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
        "INSERT INTO pattern_memo (project_id, pattern_id, model_version, severity_logit, tokens, shares, embedding)"
        " SELECT %s, id, %s, logit, string_to_array(tokens, E'\\x1f'), shares, embedding"
        " FROM unnest(%s::int[], %s::real[], %s::text[], %s::bytea[], %s::bytea[])"
        " AS m (id, logit, tokens, shares, embedding) ON CONFLICT DO NOTHING",
        [
            project,
            model_version,
            ordered,
            [memos[one].severity_logit for one in ordered],
            ["\x1f".join(token.replace("\x1f", " ") for token in memos[one].tokens) for one in ordered],
            [memos[one].shares for one in ordered],
            [memos[one].embedding for one in ordered],
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


def known_patterns(
    tx: Transaction, project: UUID, *, source_ids: Sequence[int], model_version: str
) -> list[tuple[int, int, datetime, float | None, bytes | None]]:
    """(source, pattern, first seen, severity logit, embedding) of what these sources have had.

    The last two are None of a pattern that this model has not read.
    """
    with tx.cursor(binary=True) as cursor:
        return cursor.execute(
            "SELECT s.source_id, s.pattern_id, s.first_seen, m.severity_logit, m.embedding FROM source_patterns s"
            " LEFT JOIN pattern_memo m"
            " ON m.project_id = s.project_id AND m.pattern_id = s.pattern_id AND m.model_version = %s"
            " WHERE s.project_id = %s AND s.source_id = ANY (%s)",
            [model_version, project, list(source_ids)],
        ).fetchall()


def pattern_texts(tx: Transaction, project: UUID, *, pattern_ids: Sequence[int]) -> dict[int, str]:
    """The texts of patterns by their ids."""
    return dict(
        tx.execute(
            "SELECT id, pattern FROM patterns WHERE project_id = %s AND id = ANY (%s)", [project, list(pattern_ids)]
        ).fetchall()
    )


def add_sightings(tx: Transaction, project: UUID, *, sightings: Sequence[Sighting]) -> None:
    """Add to what each source has had of each pattern."""
    ordered = sorted(sightings, key=lambda one: (one.source_id, one.pattern_id))
    tx.execute(
        "INSERT INTO source_patterns AS s (project_id, source_id, pattern_id, first_seen, last_seen, entries)"
        " SELECT %s, * FROM unnest(%s::int[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::bigint[])"
        " ON CONFLICT (project_id, source_id, pattern_id) DO UPDATE SET"
        " first_seen = least(s.first_seen, excluded.first_seen), last_seen = greatest(s.last_seen, excluded.last_seen),"
        " entries = s.entries + excluded.entries",
        [
            project,
            [one.source_id for one in ordered],
            [one.pattern_id for one in ordered],
            [one.first_seen for one in ordered],
            [one.last_seen for one in ordered],
            [one.entries for one in ordered],
        ],
    )


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
