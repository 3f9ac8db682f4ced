"""What is made of measured values: percentiles, rates, and the table that holds each beside its target."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """A headline figure: where it stands in the results, and the bar that it must reach."""

    key: str
    means: str
    bar: float | None = None
    better: Literal["higher", "lower"] = "lower"

    def verdict(self, value: float) -> str:
        """Whether the bar is reached; a dash where there is none."""
        if self.bar is None:
            return "–"
        reached = value >= self.bar if self.better == "higher" else value <= self.bar
        return "[green]reached[/green]" if reached else "[red]missed[/red]"


TARGETS = (
    Target("end_to_end_lines_per_s", "POST of batches to commit of scores, lines/s", 15_000, "higher"),
    Target("seed_design_lines_per_s", "a task, a row and a model call per line, lines/s"),
    Target("end_to_end_times_seed_design", "the first over the second", 30, "higher"),
    Target("single_post_p50_ms", "single POST to commit of its score, p50, ms", 60),
    Target("single_post_p99_ms", "the same, p99, ms", 300),
    Target("fair_share_p50_ms", "single POST while another project's million lines wait, p50, ms", 250),
    Target("fair_share_p99_ms", "the same, p99, ms", 1_000),
    Target("score_lines_per_s", "oddline score, lines of BGL/s"),
    Target("drain3_lines_per_s", "Drain3, lines of BGL/s"),
    Target("score_times_drain3", "the one over the other", 1, "higher"),
    Target("score_openstack_lines_per_s", "oddline score, lines of OpenStack/s"),
    Target("drain3_openstack_lines_per_s", "Drain3, lines of OpenStack/s"),
    Target("score_openstack_times_drain3", "the one over the other", 1, "higher"),
    Target("file_lines_per_s", "a 2 GB file, its worker killed five times, to commit of scores, lines/s"),
    Target("file_peak_mb", "the most memory of what read it, MB", 500),
    Target("file_lost", "lines of it that were lost", 0),
    Target("file_doubled", "lines of it that came twice", 0),
    Target("score_2gb_peak_mb", "oddline score, memory on 2 GB, MB", 400),
    *(
        Target(f"masking_{log}_{engine}_lines_per_s", f"masking {shown}, {how}, lines/s/core", bar, "higher")
        for log, shown, cold_bar in (
            ("bgl", "BGL", 150_000),
            ("sample", "the sample", None),
            ("openstack", "OpenStack", None),
        )
        for engine, how, bar in (
            ("cold", "caches empty", cold_bar),
            ("warm", "caches warm", None),
            ("uncached", "the same expressions, no caches", None),
            ("polars", "polars, the main masks", None),
            ("drain3", "Drain3's masks", None),
        )
    ),
    *(
        Target(f"files_{name}_lines_per_s", f"a file into entries, {shown}, lines/s/core", bar, "higher")
        for name, shown, bar in (
            ("text_iso", "text with times", 150_000),
            ("text_untimed", "text without", 150_000),
            ("json_lines", "JSON lines", None),
            ("web_access", "an access log", None),
            ("hadoop", "log4j", None),
            ("linux", "syslog", None),
        )
    ),
    Target("ingest_import_ms", "cold import of functions/ingest, ms", 600),
    Target("ingest_import_traced_ms", "the same with tracing on, ms", 900),
    *(
        Target(f"{function}_import_ms", f"cold import of functions/{function}, ms", 600)
        for function in ("console", "schedules", "triggers")
    ),
    *(
        Target(f"{function}_package_mb", f"package of functions/{function} unpacked, MB", 60)
        for function in ("ingest", "console", "schedules", "triggers")
    ),
    *(
        Target(f"list_{kind}_{state}_p99_ms", f"first page by {kind} of 1,000,000, {state}, p99, ms", bar)
        for state in ("born", "compacted")
        for kind, bar in (("time_and_source", 300), ("pattern", 300), ("score", 300), ("word", None), ("id", None))
    ),
    *(
        Target(f"semantic_recall_{how}", f"questions in other words, {shown}, recall at 10", None, "higher")
        for how, shown in (
            ("words", "full text alone"),
            ("vectors", "vectors alone"),
            ("equal", "both fused with equal votes"),
            ("fused", "as the route answers"),
        )
    ),
    *(
        Target(f"semantic_{what}_p99_ms", f"nearest patterns {shown}, p99, ms")
        for what, shown in (
            ("large", "of many of one project, by the index"),
            ("exact", "of the same, each looked at"),
            ("small", "of 100 beside them"),
        )
    ),
    Target("semantic_large_index_recall", "of the nearest 20 of many, found by the index", None, "higher"),
    *(
        Target(f"handler_{case}{kind}_us", f"logging.info with {how}, {by}, µs a call")
        for kind, by in (("", "by the clock"), ("_processor", "processor time"))
        for case, how in (
            ("queue", "QueueHandler, its listener writing"),
            ("up", "OddlineHandler, the API up"),
            ("away", "OddlineHandler, the API away, its queue filling"),
            ("full", "OddlineHandler, the API away, its queue full"),
        )
    ),
    Target("handler_times_queue", "OddlineHandler over QueueHandler, processor time"),
    Target("bytes_per_entry_raw_text", "raw text of an entry, bytes"),
    Target("bytes_per_entry_batch", "an entry stored from batches of 1,000, bytes"),
    Target("bytes_per_entry_single", "an entry stored from single POSTs, bytes"),
    Target("bytes_per_entry_row", "an entry as a row with the same indexes, bytes"),
    *(
        Target(f"bytes_per_line_{log}_{form}", f"a line of {shown}, {how}, bytes")
        for log, shown in (("bgl", "BGL"), ("loghub", "sixteen logs"))
        for form, how in (
            ("raw", "as it is"),
            ("gzip_6", "the text as a whole with gzip"),
            ("zstd_3", "with zstd"),
            ("zstd_19", "with zstd -19"),
            ("hot", "newborn, with all that is stored of it"),
            ("compacted", "merged, the same"),
        )
    ),
    Target("compaction_cycle_s", "merging, the slowest of the runs over 300 quiet projects, s", 240),
    Target("compaction_idle_cycle_ms", "a run that finds nothing new in them, ms"),
    Target("compaction_most_chunks_a_project", "chunks of a project and day behind a run, at most"),
    Target("compaction_chunks_a_project_and_day", "the same when the day is over"),
)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all values do not exceed: nearest rank, nothing interpolated."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def p50_p99(seconds: Sequence[float], *, name: str) -> dict[str, float]:
    """`<name>_p50_ms` and `<name>_p99_ms`."""
    return {
        f"{name}_p50_ms": round(percentile(seconds, 0.50) * 1_000, 2),
        f"{name}_p99_ms": round(percentile(seconds, 0.99) * 1_000, 2),
    }


def with_ratios(results: Mapping[str, Any]) -> dict[str, Any]:
    """The results with how many times one of two is the other, where both were measured."""
    ratios = {
        "end_to_end_times_seed_design": ("end_to_end_lines_per_s", "seed_design_lines_per_s"),
        "handler_times_queue": ("handler_up_processor_us", "handler_queue_processor_us"),
        "score_times_drain3": ("score_lines_per_s", "drain3_lines_per_s"),
        "score_openstack_times_drain3": ("score_openstack_lines_per_s", "drain3_openstack_lines_per_s"),
    }
    return dict(results) | {
        name: round(results[one] / results[other], 2)
        for name, (one, other) in ratios.items()
        if results.get(one) and results.get(other)
    }


def table(results: Mapping[str, Any]) -> Table:
    """The headline figures that were measured, each beside its bar."""
    shown = Table("what", "measured", "bar", "", title="Oddline")
    for column in shown.columns[1:3]:
        column.justify = "right"
    for target in TARGETS:
        value = results.get(target.key)
        if value is not None:
            bar = "" if target.bar is None else f"{'≥' if target.better == 'higher' else '≤'} {target.bar:,g}"
            shown.add_row(target.means, f"{value:,}", bar, target.verdict(value))
    return shown
