"""The masks on real lines of sixteen systems, beside the templates that people wrote for them."""

import csv
import lzma
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from oddline.patterns.alignment import align
from oddline.patterns.masking import PLACEHOLDERS, Masker

_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not (_DATA / "loghub").is_dir(), reason="the sample logs (shared/data) are not here")

# Most patterns that each log may give; its templates are in the second column. What is above them is names, lists of
# different length and the like, which templates write as a variable and masks by design leave standing.
_LIMITS = {
    "Android": (210, 166),
    "Apache": (6, 6),
    "BGL": (135, 120),
    "HDFS": (16, 14),
    "HPC": (65, 46),
    "Hadoop": (130, 114),
    "HealthApp": (77, 75),
    "Linux": (125, 118),
    "Mac": (370, 341),
    "OpenSSH": (35, 27),
    "OpenStack": (50, 43),
    "Proxifier": (27, 8),
    "Spark": (38, 36),
    "Thunderbird": (215, 149),
    "Windows": (70, 50),
    "Zookeeper": (60, 50),
}
_MOST_MERGED_LINES = 25  # Of 2,000: two templates may differ in nothing but a quoted name.


def _rows(system: str) -> list[tuple[str, str]]:
    path = _DATA / "loghub" / f"{system}_2k.log_structured.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["Content"], row["EventId"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("system", _LIMITS)
def test_patterns_are_few_and_each_is_its_own_pattern(system: str) -> None:
    most, _ = _LIMITS[system]

    patterns = set(Masker().mask_many(message for message, _ in _rows(system)))

    assert len(patterns) <= most
    assert Masker().mask_many(sorted(patterns)) == sorted(patterns)


@pytest.mark.parametrize("system", _LIMITS)
def test_hardly_a_line_shares_its_pattern_with_another_template(system: str) -> None:
    rows = _rows(system)

    patterns = Masker().mask_many(message for message, _ in rows)

    templates_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for pattern, (_, template) in zip(patterns, rows, strict=True):
        templates_of[pattern][template] += 1
    merged = sum(counts.total() - max(counts.values()) for counts in templates_of.values())
    assert len({template for _, template in rows}) == _LIMITS[system][1]
    assert merged <= _MOST_MERGED_LINES


@pytest.mark.parametrize("system", _LIMITS)
def test_alignment_cuts_every_line_at_its_masks(system: str) -> None:
    masker = Masker()

    for message, _ in _rows(system)[::10]:
        pattern = masker.mask(message)
        segments = align(pattern, message)

        assert "".join(segment.text for segment in segments) == message
        assert "".join(segment.token for segment in segments) == pattern
        assert all(segment.text == segment.token for segment in segments if segment.token not in PLACEHOLDERS)


def test_a_hundred_thousand_lines_of_a_supercomputer_are_fewer_than_a_hundred_patterns() -> None:
    path = _DATA / "bgl100k" / "bgl_first_100000_lines.log.xz"
    with lzma.open(path, "rt", encoding="utf-8", errors="replace") as file:
        messages = [line.rstrip("\n").split(" ", 9)[-1] for line in file]

    patterns = set(Masker().mask_many(messages))

    assert len(messages) == 100_000
    assert 50 <= len(patterns) < 100
