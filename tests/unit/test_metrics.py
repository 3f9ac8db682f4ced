"""Metrics: lines that CloudWatch understands, nothing but what is declared, nothing where they are off."""

import json
import time
from datetime import timedelta

import pytest
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from oddline.metrics import CLAIM, INTAKE, MOST_VALUES, OFF, QUEUE, REPORTS, Metrics, open_metrics, spread
from oddline.settings import Settings

AT_S = 1_793_880_000.25
CLAIM_COST_S = 100e-6


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("Test", clock=lambda: AT_S)


def test_a_line_is_what_the_library_for_lambda_writes(metrics: Metrics, capsys: pytest.CaptureFixture[str]) -> None:
    library = AmazonCloudWatchEMFProvider(namespace="Test")
    library.add_dimension("Queue", "analysis")
    library.add_metric("Backlog", "Count", 7)
    library.add_metric("BacklogAge", "Seconds", 1.5)
    library.set_timestamp(int(time.time() * 1000))
    expected = library.serialize_metric_set()

    metrics.emit(QUEUE, {"Backlog": 7, "BacklogAge": 1.5}, dimension="analysis")

    written = json.loads(capsys.readouterr().out)
    assert written["_aws"].pop("Timestamp") == 1_793_880_000_250
    del expected["_aws"]["Timestamp"]
    # The library writes each value as a list of one.
    assert written | {"Backlog": [7], "BacklogAge": [1.5]} == expected


def test_a_metric_can_have_several_values_in_its_line(metrics: Metrics, capsys: pytest.CaptureFixture[str]) -> None:
    metrics.emit(CLAIM, dict.fromkeys(CLAIM.units, 0) | {"ScoringLatency": [10.5, 20.5]})

    assert json.loads(capsys.readouterr().out)["ScoringLatency"] == [10.5, 20.5]


@pytest.mark.parametrize("values", [{}, {"Refused": 1}, {"Accepted": 1, "Refused": 1}])
def test_what_is_not_declared_cannot_be_told(metrics: Metrics, values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not what"):
        metrics.emit(INTAKE, values)


def test_what_is_told_apart_by_a_dimension_needs_one_and_nothing_else_takes_one(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="by None"):
        metrics.emit(QUEUE, {"Backlog": 1, "BacklogAge": 1})
    with pytest.raises(ValueError, match="by analysis"):
        metrics.emit(INTAKE, {"Accepted": 1, "Masked": 0}, dimension="analysis")


def test_unless_the_settings_name_a_namespace_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    for off in (OFF, open_metrics(Settings(_env_file=None))):  # type: ignore[call-arg]
        off.emit(INTAKE, {"Accepted": 1, "Masked": 0})

    assert capsys.readouterr().out == ""
    assert open_metrics(Settings(_env_file=None, metrics="Test"))._namespace == "Test"  # type: ignore[call-arg]


def test_many_values_become_as_many_as_a_line_takes_with_both_ends_among_them() -> None:
    latencies = [timedelta(seconds=number) for number in reversed(range(1_000))]

    told = spread(latencies)

    assert (len(told), told[0], told[-1]) == (MOST_VALUES, timedelta(0), timedelta(seconds=999))
    assert told == sorted(told)
    assert spread([3.0, 1.0]) == [1.0, 3.0]


def test_a_claims_line_costs_it_microseconds(metrics: Metrics, capsys: pytest.CaptureFixture[str]) -> None:
    values = dict.fromkeys(CLAIM.units, 1.5) | {"ScoringLatency": [1.5] * MOST_VALUES}
    costs = []
    for _ in range(500):
        started = time.perf_counter()
        metrics.emit(CLAIM, values)
        costs.append(time.perf_counter() - started)

    assert min(costs) < CLAIM_COST_S  # what else the machine does only ever adds


def test_the_same_name_has_the_same_unit_in_every_report() -> None:
    units = {(name, unit) for report in REPORTS for name, unit in report.units.items()}

    assert len(units) == len({name for name, _ in units})
