"""A source's rates as two compressed blobs: what changes with each bin, and the season, which changes once an hour."""

from dataclasses import fields
from io import BytesIO
from typing import Any, Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from oddline.scoring.rates.budget import Budget
from oddline.scoring.rates.pending import Pending
from oddline.scoring.rates.season import Season
from oddline.scoring.rates.series import Series
from oddline.scoring.rates.source import RateSource

FORM: Final = 1  # of the blobs; a source whose blobs have another one is begun anew
LEVEL: Final = 1
MOST_BYTES: Final = 16 * 1024 * 1024  # unpacked; ten times what a source can come to

Arrays = dict[str, NDArray[Any]]


def pack(source: RateSource) -> tuple[bytes, bytes | None]:
    """The two blobs; None for a season that has not changed since it was read."""
    budget, pending = source.budget, source.pending
    arrays: Arrays = {one.name: _narrow(getattr(source.series, one.name)) for one in fields(Series)}
    arrays |= {f"pending_{name}": getattr(pending, name) for name in ("bins", "patterns", "counts")}
    arrays |= {
        "rarest": np.array([*budget.rarest.items()], dtype=np.float64).reshape(-1, 2),
        "told": np.array([*budget.told.items()], dtype=np.int64).reshape(-1, 2),
        "numbers": np.array([FORM, source.next, source.late, budget.started, budget.found_in], dtype=np.int64),
        "levels": np.array([pending.lag, np.nan if budget.calibrated is None else budget.calibrated]),
    }
    season = source.season
    return _packed(arrays), _packed({"highest": season.highest.astype(np.float16)}) if season.is_changed else None


def unpack(recent: bytes, season: bytes | None) -> RateSource | None:
    """What `pack` was given; None where it was packed in another form."""
    arrays = _unpacked(recent)
    form, following, late, started, found_in = arrays["numbers"].tolist()
    if form != FORM:
        return None
    lag, calibrated = arrays["levels"].tolist()
    series = Series(**{one.name: _widened(arrays[one.name]) for one in fields(Series)})
    rows = len(series.patterns)
    held = Season.nothing(rows) if season is None else Season(_unpacked(season)["highest"].astype(np.float32))
    budget = Budget(
        started=started,
        rarest={int(hour): rarity for hour, rarity in arrays["rarest"].tolist()},
        told=dict(arrays["told"].tolist()),
        calibrated=None if np.isnan(calibrated) else calibrated,
        found_in=found_in,
    )
    bins, patterns, counts = (arrays[f"pending_{name}"].astype(np.int64) for name in ("bins", "patterns", "counts"))
    pending = Pending(bins, patterns, counts, lag)
    return RateSource(series, held.fitted(rows), budget, following, pending=pending, late=late)


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _widened(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float64) if values.dtype == np.float32 else values


def _packed(arrays: Arrays) -> bytes:
    sink = BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    return zstandard.ZstdCompressor(level=LEVEL).compress(sink.getvalue())


def _unpacked(blob: bytes) -> Arrays:
    raw = zstandard.ZstdDecompressor().decompress(blob, max_output_size=MOST_BYTES)
    with np.load(BytesIO(raw), allow_pickle=False) as arrays:
        return dict(arrays)
