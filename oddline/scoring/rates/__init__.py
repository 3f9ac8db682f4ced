"""Rates: how often each pattern of a source comes, judged by what is usual for it."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.scoring.rates.model import OddRate, Rules
    from oddline.scoring.rates.service import detect_rates
    from oddline.scoring.rates.source import RateSource

__all__ = ["OddRate", "RateSource", "Rules", "detect_rates"]

__getattr__ = face(__name__, {"model": ["OddRate", "Rules"], "service": ["detect_rates"], "source": ["RateSource"]})
