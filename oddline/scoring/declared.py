"""What the severity that an entry declares adds to how bad its pattern sounds."""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHARES: Final = (0.0, -0.5, -0.5, 0.0, 0.25, 0.75, 1.25)
"""Shares of the severity's logit: not declared, trace, debug, info, warning, error, fatal.

A declared level is the opinion of an author who did not know when the line would come. So it moves what sounds neither
good nor bad, and no more: `error` doubles the odds, and makes no alarm of a line that sounds harmless.
"""

_NUMBERS_A_BAND: Final = 4  # of OpenTelemetry's severity numbers, 1 to 24


def declared_share(severity_number: int) -> float:
    """The share that a severity number of OpenTelemetry adds, 0 where none is declared."""
    return SHARES[int(severity_bands(np.uint8(severity_number)))]


def severity_bands(severity_numbers: NDArray[np.uint8] | np.uint8) -> NDArray[np.int64]:
    """The place in SHARES of each severity number (n,)."""
    return (np.asarray(severity_numbers, dtype=np.int64) + _NUMBERS_A_BAND - 1) // _NUMBERS_A_BAND


def severities(logits: ArrayLike, severity_numbers: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How bad entries are (n,), 0 to 1: by the severity logits of their patterns (n,), and by what they declare."""
    exponents = -(np.asarray(logits, dtype=np.float64) + np.array(SHARES)[severity_bands(severity_numbers)])
    result: NDArray[Any] = 1.0 / (1.0 + np.exp(np.minimum(exponents, 700.0)))
    return result.astype(np.float32)
