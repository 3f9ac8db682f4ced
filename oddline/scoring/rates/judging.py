"""Judge what came in a bin by what usually comes, then learn from it: for all rows of a source at once."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.rates.model import BINS_A_DAY, WINDOWS
from oddline.scoring.rates.season import is_usual
from oddline.scoring.rates.series import DOWN, UP, Series
from oddline.scoring.rates.surprise import Floats, of_count, of_silence, record_scale, tempered

REMEMBERED: Final = np.array([360.0, 360.0, 288.0, 336.0])
"""Windows that a mean looks back on: an hour of the shortest, two weeks of the longest."""
LONGER: Final = 4.0  # times as many for how much counts vary, which is known less well
RECORDED: Final = 14 * BINS_A_DAY / np.array(WINDOWS)  # windows: two weeks, in which records lose half
FEWEST_WINDOWS: Final = 30  # before anything is said of a length of window
FEWEST_GAPS: Final = 10
GAPS_REMEMBERED: Final = 200.0
RECORD_GAP_KEPT: Final = 0.999
LEAST_DISPERSION: Final = 0.01  # nobody's rate is steadier than within a tenth
LEAST_VARIANCE: Final = 0.25  # entries: where its window begins within a beat is not known
LEAST_GAP_VARIANCE: Final = 0.25  # bins: where in its bin an entry came is not known
LEAST_GAP_DISPERSION: Final = 0.05
OTHERS: Final = 5.0  # entries as if of other patterns, so that a few say little about the load
DEVIATIONS: Final = 4.0  # beyond which a count is learned as if it were just there, odd or not
CLOCKWORK: Final = 0.5  # of the variance that chance gives: what varies less comes like clockwork
LEAST_CHANGE: Final = 5.0  # entries more, or less, than expected
LEAST_FACTOR: Final = 2.0  # what is statistically certain and yet a change by less is nobody's alarm
FEWEST_SILENT: Final = 3  # bins
MISSED: Final = 3.0  # times that something should have come
REST: Final = 60  # bins that a row must be back in its range before it is odd anew
RISE, RISE_BY = 1.25, 2.0  # how much a record grows by what was odd: what keeps coming becomes usual in the end


@dataclass(frozen=True, slots=True)
class Judged:
    """How odd each row is in one length of window (R,): `rarity` is 0 where nothing is to be told.

    `beside` is what was to be expected by the source's other patterns, `expected` and `dispersion` are those that
    explain the count best. `surprise` was divided by `scale`; it is what the season remembers, and `is_seasonal` where
    the season has seen the like.
    """

    window: int
    count: Floats
    beside: Floats
    expected: Floats
    dispersion: Floats
    up: NDArray[np.bool_]
    surprise: Floats
    rarity: Floats
    scale: Floats
    is_seasonal: NDArray[np.bool_]


def judge_window(series: Series, place: int, *, usual: Floats) -> Judged:
    """Judge the window that ends with this bin, of the length WINDOWS[place]; `usual` (R, 2) is the season's.

    A pattern is odd only if it is so both by its own rate and beside the others of its source: where everything
    doubles, the source is odd and its patterns are not. What comes like clockwork does not follow the others, and is
    missed after few beats.
    """
    count, mean = series.open[:, place], series.mean[:, place]
    seen, active = series.seen[:, place], series.active[:, place]
    up = count > mean
    # As many entries as a gamma posterior of the rate would count: what is known little may vary much.
    unsure = 1.0 / (np.minimum(seen, REMEMBERED[place]) * mean + 0.5)
    regular = _regular(series.excess[:, place], series.square[:, place], mean=mean) + unsure
    is_missed = ~up & (1.0 + regular * mean <= CLOCKWORK)
    by_itself = np.where(is_missed, regular, _quotient(series.excess[:, place], series.square[:, place]) + unsure)
    by_others = _quotient(series.beside_excess[:, place], series.beside_square[:, place]) + unsure
    load = (np.maximum(count[0] - count, 0.0) + OTHERS) / (np.maximum(mean[0] - mean, 0.0) + OTHERS)
    load[0] = 1.0  # the source as a whole has no others beside it
    beside = mean * load
    own = of_count(count, mean=mean, dispersion=by_itself)
    relative = of_count(count, mean=beside, dispersion=by_others)
    is_own = is_missed | (own <= relative)
    raw = np.where(is_missed | (up == (count > beside)), np.where(is_own, own, relative), 0.0)
    expected, dispersion = np.where(is_own, mean, beside), np.where(is_own, by_itself, by_others)

    scale = record_scale(np.where(up, series.records[:, place, UP], series.records[:, place, DOWN]), seen=seen)
    surprise = tempered(raw, seen=active)
    is_seasonal = is_usual(surprise, before=np.where(up, usual[:, UP], usual[:, DOWN]))
    least = np.where(is_missed, MISSED, LEAST_CHANGE)
    low = np.where(is_missed, mean, np.minimum(mean, beside))
    matters = _matters(count, low, np.maximum(mean, beside), up=up, least=least)
    is_told = (seen >= FEWEST_WINDOWS) & matters & ~is_seasonal
    rarity = np.where(is_told, surprise / scale, 0.0)
    return Judged(WINDOWS[place], count.copy(), beside, expected, dispersion, up, surprise, rarity, scale, is_seasonal)


def learn_window(series: Series, place: int, judged: Judged, *, threshold: float, number: int) -> None:
    """Learn from a window that was judged, what was odd only in part, and begin the next."""
    odd = judged.rarity >= threshold
    mean, seen = series.mean[:, place], series.seen[:, place]
    is_first = seen == 0
    kept = np.where(odd, np.clip(judged.count, mean / LEAST_FACTOR, LEAST_FACTOR * mean + 2.0), judged.count)
    deviation = np.sqrt(mean + _quotient(series.excess[:, place], series.square[:, place]) * mean**2)
    kept = np.where(seen >= FEWEST_WINDOWS, np.minimum(kept, mean + DEVIATIONS * deviation + 2.0), kept)
    share = 1.0 / np.minimum(seen + 1.0, LONGER * REMEMBERED[place])
    for about, excess, square in (
        (mean, series.excess, series.square),
        (judged.beside, series.beside_excess, series.beside_square),
    ):
        excess[:, place] += share * (np.where(is_first, kept**2, (kept - about) ** 2 - about) - excess[:, place])
        square[:, place] += share * (np.where(is_first, kept, about) ** 2 - square[:, place])
    series.mean[:, place] += (kept - mean) / np.minimum(seen + 1.0, REMEMBERED[place])
    _record(series, place, judged, odd=odd, number=number)
    series.active[:, place] = np.minimum(series.active[:, place] + (judged.count > 0), RECORDED[place])
    series.seen[:, place] = np.minimum(seen + 1.0, RECORDED[place])
    series.open[:, place] = 0.0


def judge_silence(series: Series, *, usual: Floats) -> Judged:
    """Judge how long nothing has come: by the time, and by how many entries the source has had since."""
    silent, mean = series.silent, np.maximum(series.gap_mean, 1.0)
    variance = series.gap_variance + LEAST_GAP_VARIANCE + LEAST_GAP_DISPERSION * mean * mean
    by_time = of_silence(silent, mean=mean, variance=variance)
    # Of a window long enough to hold some; a share of the source, in which it is the source itself that counts.
    place = np.where(series.mean[:, 1] >= 1.0, 1, len(WINDOWS) - 1)
    rows = np.arange(len(silent))
    share = series.mean[rows, place] / np.maximum(series.mean[0, place], 1.0)
    dispersion = _quotient(series.excess[rows, place], series.square[rows, place]) + 1.0 / (series.gaps + 0.5)
    by_load = of_count(np.zeros_like(silent), mean=share * series.passed, dispersion=dispersion)
    by_load[0] = np.inf
    raw = np.minimum(by_time, by_load)
    record = of_silence(series.gap_record, mean=mean, variance=variance)
    scale = record_scale(record, seen=series.gaps)
    surprise = tempered(raw, seen=series.gaps)
    is_seasonal = is_usual(surprise, before=usual[:, DOWN])
    is_told = (series.gaps >= FEWEST_GAPS) & (silent >= FEWEST_SILENT) & (silent >= MISSED * mean)
    rarity = np.where(is_told & ~is_seasonal, surprise / scale, 0.0)
    expected = silent / mean
    nothing = np.zeros_like(silent)
    down = np.zeros(len(silent), dtype=np.bool_)
    return Judged(0, nothing, expected, expected, variance / mean**2, down, surprise, rarity, scale, is_seasonal)


def learn_gaps(series: Series, came: NDArray[np.bool_], *, number: int) -> None:
    """Learn how long it was silent before of what came in a bin; a silence that was odd only in part."""
    gap = series.silent[came] + 1.0
    seen, mean, record = series.gaps[came], series.gap_mean[came], series.gap_record[came]
    odd = series.odd_bin[came, DOWN] >= number - series.silent[came]
    rises = np.where(seen > 0, RISE * record + RISE_BY, np.inf)
    gap = np.where(odd & (gap > rises), rises, gap)
    share = 1.0 / np.minimum(seen + 1.0, GAPS_REMEMBERED)
    away = np.where(seen > 0, gap - mean, 0.0)
    series.gap_mean[came] = np.where(seen > 0, mean + share * away, gap)
    series.gap_variance[came] = (1.0 - share) * (series.gap_variance[came] + share * away * away)
    series.gap_record[came] = np.maximum(record * RECORD_GAP_KEPT, gap)
    series.gaps[came] = np.minimum(seen + 1.0, 1e6)
    series.silent[came] = 0.0
    series.passed[came] = 0.0


def _quotient(excess: Floats, square: Floats) -> Floats:
    """The dispersion: by how much more than by chance counts vary."""
    dispersion: Floats = np.maximum(excess / np.maximum(square, 1e-12), LEAST_DISPERSION)
    return dispersion


def _regular(excess: Floats, square: Floats, *, mean: Floats) -> Floats:
    """The dispersion of what may vary less than by chance: never less than by half an entry, or by a tenth."""
    least = np.maximum(LEAST_DISPERSION, LEAST_VARIANCE / np.maximum(mean * mean, 1e-12)) - 1.0 / np.maximum(
        mean, 1e-12
    )
    dispersion: Floats = np.maximum(excess / np.maximum(square, 1e-12), least)
    return dispersion


def _matters(count: Floats, low: Floats, high: Floats, *, up: NDArray[np.bool_], least: Floats) -> NDArray[np.bool_]:
    """Whether a count is far enough from what was expected, `low` to `high`, to be of interest: `least` or more."""
    more = (count >= LEAST_FACTOR * high) & (count - high >= least)
    less = (LEAST_FACTOR * count <= low) & (low - count >= least)
    return np.where(up, more, less)


def _record(series: Series, place: int, judged: Judged, *, odd: NDArray[np.bool_], number: int) -> None:
    """Let records fade, and grow: by what was odd only a little, and once for as long as it lasts."""
    fades = 0.5 ** (1.0 / RECORDED[place])
    for direction, chosen in ((UP, judged.up & ~judged.is_seasonal), (DOWN, ~judged.up & ~judged.is_seasonal)):
        record = series.records[:, place, direction]
        lasts = series.odd_bin[:, direction] >= number - REST
        most = np.where(odd, np.where(lasts, record, RISE * record + RISE_BY), np.inf)
        new = np.where(chosen, np.minimum(judged.surprise, most), 0.0)
        series.records[:, place, direction] = np.maximum(record * fades, new)
