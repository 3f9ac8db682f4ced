"""Every fault that the sample corpus holds, in one table."""

from bench.sample_corpus.faults.access import ACCESS_FAULTS
from bench.sample_corpus.faults.cache import CACHE_FAULTS
from bench.sample_corpus.faults.database import DATABASE_FAULTS
from bench.sample_corpus.faults.database_use import DATABASE_USE_FAULTS
from bench.sample_corpus.faults.fault import Fault
from bench.sample_corpus.faults.shop import SHOP_FAULTS
from bench.sample_corpus.faults.web import WEB_FAULTS
from bench.sample_corpus.faults.workers import WORKER_FAULTS

FAULTS: tuple[Fault, ...] = (
    *DATABASE_FAULTS,
    *DATABASE_USE_FAULTS,
    *CACHE_FAULTS,
    *WEB_FAULTS,
    *SHOP_FAULTS,
    *ACCESS_FAULTS,
    *WORKER_FAULTS,
)

__all__ = ["FAULTS", "Fault"]
