"""The bench measures what it says: its lines have the patterns that they must have, its figures are computed right."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from rich.console import Console

from bench.entries import BATCH_ENTRIES, batch_body, columns, messages
from bench.figures import TARGETS, Target, p50_p99, percentile, table, with_ratios
from bench.rows import COLUMNS, rows_of
from oddline.chunks import SCHEMA
from oddline.patterns import Masker
from oddline.submissions import entry_id, new_submission_id

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


def test_its_lines_have_over_a_thousand_patterns() -> None:
    lines = list(messages(20 * BATCH_ENTRIES, seed=1))

    patterns = set(Masker().mask_many(lines))

    assert len(patterns) >= 1_000


def test_its_lines_are_as_long_as_real_ones_and_never_come_again() -> None:
    lines = list(messages(5 * BATCH_ENTRIES, seed=1))

    assert 100 <= sum(map(len, lines)) / len(lines) <= 140
    assert len(set(lines)) > 0.99 * len(lines)


def test_every_entry_of_a_batch_body_is_accepted() -> None:
    body = batch_body(BATCH_ENTRIES, seed=1, start=NOW, span=timedelta(minutes=1))

    accepted = columns(body, now=NOW + timedelta(minutes=1))

    assert len(accepted) == BATCH_ENTRIES
    assert accepted.timestamps == sorted(accepted.timestamps)


def test_another_seed_gives_other_entries() -> None:
    bodies = {batch_body(10, seed=seed, start=NOW) for seed in range(5)}

    assert len(bodies) == 5


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_one_of_the_measured_values(share: float, expected: int) -> None:
    values = random.Random(1).sample(range(1, 101), 100)

    assert percentile(values, share) == expected


def test_latencies_are_told_in_milliseconds() -> None:
    assert p50_p99([0.1] * 98 + [0.2, 0.3], name="x") == {"x_p50_ms": 100.0, "x_p99_ms": 200.0}


def test_a_ratio_is_told_where_both_sides_were_measured() -> None:
    results = with_ratios({"score_lines_per_s": 100, "drain3_lines_per_s": 40, "end_to_end_lines_per_s": 7})

    assert results["score_times_drain3"] == 2.5
    assert "end_to_end_times_seed_design" not in results


@pytest.mark.parametrize(
    ("better", "value", "expected"),
    [("higher", 10, "reached"), ("higher", 9, "missed"), ("lower", 10, "reached"), ("lower", 11, "missed")],
)
def test_a_figure_is_held_against_its_bar(better: str, value: float, expected: str) -> None:
    target = Target("key", "meaning", 10, better)  # type: ignore[arg-type]

    assert expected in target.verdict(value)


def test_the_table_shows_what_was_measured_and_nothing_else() -> None:
    console = Console(width=200)

    with console.capture() as shown:
        console.print(table({TARGETS[0].key: 20_000, "ingest_import_traced_ms": None}))

    assert TARGETS[0].means in shown.get()
    assert "20,000" in shown.get()
    assert "tracing" not in shown.get()


def test_a_row_holds_every_column_of_a_scored_entry() -> None:
    submission, project = new_submission_id(), UUID(int=1)
    entry = dict.fromkeys(SCHEMA, 0) | {"submission": submission.bytes, "index": 3}

    (row,) = rows_of([entry], project=project)

    assert set(row) == set(COLUMNS)
    assert row["id"] == entry_id(submission, 3)
    assert row["project_id"] == project
