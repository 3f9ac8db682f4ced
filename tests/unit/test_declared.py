"""What a declared severity adds to that of the pattern."""

import numpy as np
import pytest

from oddline.scoring.declared import SHARES, declared_share, severities, severity_bands
from oddline.scoring.encoder import severity


@pytest.mark.parametrize(
    ("number", "share"),
    [(0, 0.0), (1, -0.5), (5, -0.5), (8, -0.5), (9, 0.0), (12, 0.0), (13, 0.25), (17, 0.75), (20, 0.75), (24, 1.25)],
)
def test_the_worse_the_declared_level_the_more_it_adds(number: int, share: float) -> None:
    assert declared_share(number) == share
    assert SHARES[severity_bands(np.array([number], dtype=np.uint8))[0]] == share


def test_what_is_declared_moves_what_sounds_neither_good_nor_bad() -> None:
    undecided, harmless = severities([0.0, -4.0], np.array([17, 21], dtype=np.uint8))

    assert undecided == pytest.approx(severity(0.75))
    assert harmless < 0.1


def test_the_largest_logits_are_borne() -> None:
    assert severities([-2_000.0, 2_000.0], np.zeros(2, dtype=np.uint8)).tolist() == [0.0, 1.0]
