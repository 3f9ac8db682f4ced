"""Makes scored entries: the sample corpus's lines with other numbers, no scoring."""

import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

import polars as pl

from oddline.chunks import SCHEMA
from oddline.patterns import Masker
from oddline.sample import read_corpus
from oddline.submissions import SEVERITY_TEXTS, new_submission_id

CHUNK_ENTRIES = 5_000  # what a worker claims at once under load
TEMPLATES = 40_000  # lines of the corpus that are said again
TRACE_ENTRIES = 10  # with one trace
_NUMBER = re.compile(r"[0-9]{2,}|\b[0-9a-f]{8,}\b")
_HEX = "0123456789abcdef"


class Replayed:
    """Frames of `oddline.chunks.SCHEMA`; what to ask for stands in `traces`, `ids`, `sources` and `patterns`."""

    def __init__(self, *, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        lines = list(islice(read_corpus(), TEMPLATES))
        self.sources = sorted({line.source for line in lines})
        patterns = Masker().mask_many(line.text for line in lines)
        numbers = {pattern: number for number, pattern in enumerate(sorted(set(patterns)), start=1)}
        self._templates = [
            (line.text, line.source, numbers[pattern]) for line, pattern in zip(lines, patterns, strict=True)
        ]
        self.patterns = sorted(numbers.values())
        self.traces: list[str] = []
        self.ids: list[str] = []

    def frames(self, entries: int, *, start: datetime, span: timedelta) -> Iterator[pl.DataFrame]:
        """So many entries, evenly spread over a time, in frames of CHUNK_ENTRIES."""
        for first in range(0, entries, CHUNK_ENTRIES):
            count = min(CHUNK_ENTRIES, entries - first)
            times = [start + span * number / entries for number in range(first, first + count)]
            yield self._frame(times)

    def _frame(self, times: list[datetime]) -> pl.DataFrame:
        rng, count = self._rng, len(times)
        chosen = rng.choices(self._templates, k=count)
        messages = [_NUMBER.sub(self._other, text) for text, _, _ in chosen]
        unique = f"{rng.getrandbits(128):032x}"
        messages[rng.randrange(count)] += f" request {UUID(unique)!s}"
        self.ids.append(str(UUID(unique)))
        traces = [f"{rng.getrandbits(128):032x}" for _ in range(count // TRACE_ENTRIES + 1)]
        self.traces.append(traces[0])
        severities = rng.choices([9, 13, 17, 21], weights=[950, 40, 9, 1], k=count)
        scores = [rng.random() ** 8 for _ in range(count)]
        numbers = {name: number for number, name in enumerate(self.sources, start=1)}
        columns = {
            "submission": new_submission_id(clock_ns=lambda: int(times[0].timestamp() * 1e9)).bytes,
            "index": list(range(count)),
            "timestamp": times,
            "received_at": times[-1],
            "severity_number": severities,
            "severity_text": [SEVERITY_TEXTS[number] for number in severities],
            "source_id": [numbers[source] for _, source, _ in chosen],
            "source": [source for _, source, _ in chosen],
            "message": messages,
            "attributes": [f'{{"host":"web-{rng.randrange(50)}","customer":{rng.randrange(100_000)}}}' for _ in times],
            "trace_id": [traces[number // TRACE_ENTRIES] for number in range(count)],
            "span_id": "",
            "session": "",
            "pattern_id": [pattern for _, _, pattern in chosen],
            "score": scores,
            "severity": 0.5,
            "novelty": 0.5,
            "is_anomaly": [score >= 0.95 for score in scores],
            "threshold": 0.95,
            "calibration_version": 0,
            "model_version": "replayed",
            "mask_version": 1,
            "analyzed_at": times[-1],
            "processing_time": 0.0001,
            "nearest_pattern": None,
            "shadow_score": None,
        }
        lists = {name: value if isinstance(value, list) else [value] * count for name, value in columns.items()}
        return pl.DataFrame(lists, schema=SCHEMA)

    def _other(self, found: re.Match[str]) -> str:
        text = found[0]
        if text.isdecimal():
            return str(self._rng.randrange(10 ** (len(text) - 1), 10 ** len(text)))
        return "".join(self._rng.choices(_HEX, k=len(text)))
