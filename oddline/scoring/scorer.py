"""Score the entries of one project: score = novelty × severity, the same for all of a source, pattern and level."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oddline.chunks import SCHEMA
from oddline.database import Database
from oddline.patterns import MASK_VERSION, Masker
from oddline.scoring.declared import SHARES, severities, severity_bands
from oddline.scoring.encoder import Encoder
from oddline.scoring.memory import ProjectMemory, Source
from oddline.scoring.reading import Pattern
from oddline.submissions import Claimed, Columns
from oddline.tasks import Clock
from oddline.tracing import span


@dataclass(frozen=True, slots=True)
class ScoredEntries:
    """The scored entries of one project and claim.

    `frame` has the columns of `oddline.chunks.SCHEMA`, in the order of the claim; `patterns` and `sources` are those in
    it, by id, as they were when it was scored.
    """

    project: UUID
    frame: pl.DataFrame
    patterns: dict[int, Pattern]
    sources: dict[int, Source]


def score_entries(
    submissions: Sequence[tuple[Claimed, Columns]],
    *,
    memory: ProjectMemory,
    masker: Masker,
    db: Database,
    encoder: Encoder,
    clock: Clock,
    stopwatch: Callable[[], float] = time.perf_counter,
    is_over: Callable[[], bool] = lambda: False,
) -> ScoredEntries:
    """Score submissions of one project.

    Raises:
        TurnOver: so many patterns are new that the model could not read them before `is_over`; those it read are kept.
        DatabaseUnavailable, ModelUnavailable: nothing was stored; the claim can be given back.
    """
    started = stopwatch()
    with span("mask"):
        masked = masker.mask_many([message for _, columns in submissions for message in columns.messages])
    texts, pattern_codes = _encode(masked)
    names, source_codes = _encode([name for _, columns in submissions for name in columns.sources])
    now = clock()
    patterns = memory.patterns(db, texts, now=now, is_over=is_over)
    known_sources = memory.sources(db, names, now=now)
    sources = [known_sources[name] for name in names]
    declared = _declared(submissions)
    judged = _judge(
        patterns,
        sources,
        pattern_codes=pattern_codes,
        source_codes=source_codes,
        severity_numbers=declared["severity_number"].to_numpy(),
        scale=encoder.novelty_scale,
    )
    of_all = {
        "model_version": encoder.version,
        "mask_version": MASK_VERSION,
        "analyzed_at": clock(),
        "processing_time": (stopwatch() - started) / len(masked),
        "shadow_score": None,
    }
    return ScoredEntries(
        project=submissions[0][0].project,
        frame=_framed(declared | judged, of_all=of_all),
        patterns={pattern.id: pattern for pattern in patterns},
        sources={source.id: source for source in sources},
    )


def _framed(columns: Mapping[str, Any], *, of_all: Mapping[str, Any]) -> pl.DataFrame:
    """Columns in the form of a chunk, with what is the same for every entry."""
    return pl.DataFrame(columns).select(
        (pl.lit(of_all[name]) if name in of_all else pl.col(name)).cast(kind).alias(name)
        for name, kind in SCHEMA.items()
    )


def _encode(values: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct values in order of appearance, and for each value its place among them."""
    places: dict[str, int] = {}
    codes = np.fromiter((places.setdefault(value, len(places)) for value in values), dtype=np.int32, count=len(values))
    return list(places), codes


def _declared(submissions: Sequence[tuple[Claimed, Columns]]) -> dict[str, pl.Series]:
    """What the caller declared, one series per column."""
    lengths = [len(columns) for _, columns in submissions]
    owner = pl.Series(np.repeat(np.arange(len(submissions)), lengths))

    def joined(field: str, kind: type[pl.DataType]) -> pl.Series:
        return pl.Series([value for _, columns in submissions for value in getattr(columns, field)], dtype=kind)

    return {
        "submission": pl.Series([claimed.id.bytes for claimed, _ in submissions], dtype=pl.Binary).gather(owner),
        "index": joined("indices", pl.UInt16),
        "timestamp": joined("timestamps", pl.Int64).cast(pl.Datetime("us", "UTC")),
        "received_at": pl.Series([claimed.received_at for claimed, _ in submissions]).gather(owner),
        "severity_number": joined("severity_numbers", pl.UInt8),
        "severity_text": joined("severity_texts", pl.String),
        "source": joined("sources", pl.String),
        "message": joined("messages", pl.String),
        "attributes": joined("attributes", pl.String),
        "trace_id": joined("trace_ids", pl.String),
        "span_id": joined("span_ids", pl.String),
        "session": joined("sessions", pl.String),
    }


def _judge(
    patterns: Sequence[Pattern],
    sources: Sequence[Source],
    *,
    pattern_codes: NDArray[np.int32],
    source_codes: NDArray[np.int32],
    severity_numbers: NDArray[np.uint8],
    scale: float,
) -> dict[str, pl.Series]:
    """Score each pair of source and pattern once, for each level that is declared; every entry gets what those got."""
    pair_codes = source_codes.astype(np.int64) * len(patterns) + pattern_codes
    kinds, first, entry_kinds = np.unique(
        pair_codes * len(SHARES) + severity_bands(severity_numbers), return_index=True, return_inverse=True
    )
    pairs, pair_of = np.unique(kinds // len(SHARES), return_inverse=True)
    pair_sources, pair_patterns = np.divmod(pairs, len(patterns))
    novelty = np.zeros(len(pairs), dtype=np.float32)
    nearest = np.zeros(len(pairs), dtype=np.int32)
    for code, source in enumerate(sources):
        places = np.flatnonzero(pair_sources == code)
        novelty[places], nearest[places] = novelty_in(
            source, [patterns[one] for one in pair_patterns[places]], scale=scale
        )
    of_source, of_pattern = pair_sources[pair_of], pair_patterns[pair_of]
    logits = np.array([pattern.severity_logit for pattern in patterns])[of_pattern]
    how_bad = severities(logits, severity_numbers[first])
    thresholds = np.array([source.in_force.threshold for source in sources], dtype=np.float32)[of_source]
    versions = np.array([source.in_force.calibration_version for source in sources], dtype=np.int16)[of_source]
    scores = novelty[pair_of] * how_bad
    per_kind = {
        "source_id": np.array([source.id for source in sources], dtype=np.int32)[of_source],
        "pattern_id": np.array([pattern.id for pattern in patterns], dtype=np.int32)[of_pattern],
        "score": scores,
        "severity": how_bad,
        "novelty": novelty[pair_of],
        "is_anomaly": scores >= thresholds,
        "threshold": thresholds,
        "calibration_version": versions,
    }
    judged = {name: pl.Series(values[entry_kinds]) for name, values in per_kind.items()}
    near = pl.Series(nearest[pair_of][entry_kinds])
    judged["nearest_pattern"] = near.set(near < 0, None)
    return judged


def novelty_in(
    source: Source, patterns: Sequence[Pattern], *, scale: float
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Per pattern its novelty to the source, and the id of the nearest pattern that the source knows (-1: none)."""
    novelty = np.zeros(len(patterns), dtype=np.float32)
    nearest = np.array([pattern.id for pattern in patterns], dtype=np.int32)
    unknown = [place for place, pattern in enumerate(patterns) if not source.known.has(pattern.id)]
    if unknown:
        novelty[unknown], nearest[unknown] = source.known.novelties(
            [patterns[place].id for place in unknown],
            np.stack([patterns[place].embedding for place in unknown]),
            [patterns[place].views for place in unknown],
            scale=scale,
        )
    return novelty, nearest
