"""Dashboard and alarms show what the code emits, in both directions, and the document says what to do."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from templates import NESTED, ROOT, TEMPLATE, Resource, load, resources

from oddline.metrics import LEDGER, QUEUE, REPORTS, WORKER_CLASS
from oddline.settings import Settings
from oddline.tasks import Queue, WorkerClass

DOCUMENT = (ROOT / "docs" / "observability.md").read_text()
OWN = "{MetricsNamespace}"
VALUES = {"Queue": [*Queue], "Class": [*WorkerClass]}

Metric = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and dimensions."""


@pytest.fixture(scope="module")
def template() -> Resource:
    return load(NESTED["observability"])


@pytest.fixture(scope="module")
def widgets(template: Resource) -> list[Resource]:
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    found: list[Resource] = json.loads(re.sub(r"\$\{([^}]+)\}", r"{\1}", body))["widgets"]
    return found


@pytest.fixture(scope="module")
def alarms(template: Resource) -> dict[str, Resource]:
    return of_type(template, "AWS::CloudWatch::Alarm")


def of_type(template: Resource, kind: str) -> dict[str, Resource]:
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


def emitted() -> set[Metric]:
    """Everything that the code can emit."""
    return {
        (name, ((report.dimension, str(value)),) if report.dimension else ())
        for report in REPORTS
        for name in report.units
        for value in (VALUES[report.dimension] if report.dimension else [""])
    }


def lines_of(widgets: list[Resource]) -> Iterator[list[Any]]:
    """Each line of each graph that stands for a metric: namespace, name, dimensions, options."""
    for widget in widgets:
        yield from (line for line in widget["properties"].get("metrics", []) if isinstance(line[0], str))


def shown(widgets: list[Resource]) -> Iterator[tuple[str, Metric]]:
    for namespace, name, *rest in lines_of(widgets):
        texts = [one for one in rest if isinstance(one, str)]
        yield namespace, (name, tuple(zip(texts[::2], texts[1::2], strict=True)))


def watched(alarm: Resource) -> Iterator[tuple[str, Metric]]:
    """The metrics of an alarm, each with its namespace."""
    of_math = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    for metric in of_math or [alarm]:
        namespace = metric["Namespace"]
        dimensions = tuple((one["Name"], str(one["Value"])) for one in metric.get("Dimensions", []))
        own = namespace == {"Ref": "MetricsNamespace"}
        yield OWN if own else namespace, (metric["MetricName"], dimensions)


def documented(heading: str) -> list[list[str]]:
    """The cells of the rows of the table under a heading."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_dashboard_shows_all_that_is_emitted_and_nothing_that_nobody_emits(widgets: list[Resource]) -> None:
    of_ours = {metric for namespace, metric in shown(widgets) if namespace == OWN}

    assert of_ours == emitted()


def test_alarms_watch_only_what_is_emitted(alarms: dict[str, Resource]) -> None:
    of_ours = {metric for alarm in alarms.values() for namespace, metric in watched(alarm) if namespace == OWN}

    assert of_ours
    assert of_ours <= emitted()


def test_the_namespace_is_the_one_that_the_template_of_the_functions_sets(template: Resource) -> None:
    functions = load(TEMPLATE)

    default = template["Parameters"]["MetricsNamespace"]["Default"]

    assert functions["Globals"]["Function"]["Environment"]["Variables"]["ODDLINE_METRICS"] == default
    assert Settings(_env_file=None, metrics=default).metrics == default  # type: ignore[call-arg]


def test_every_own_line_has_a_statistic_that_says_something_of_its_unit(widgets: list[Resource]) -> None:
    # What is counted as it happens adds up; what is looked at each minute does not, however often it is told.
    of_each_minute = {name for report in (QUEUE, WORKER_CLASS, LEDGER) for name in report.units}
    gauges = {*of_each_minute, "Lateness"}
    for widget in widgets:
        for line in lines_of([widget]):
            options = line[-1] if isinstance(line[-1], dict) else {}
            statistic = options.get("stat", widget["properties"]["stat"])
            if line[0] == OWN and line[1] != "ScoringLatency":
                assert statistic == ("Maximum" if line[1] in gauges else "Sum"), line


def test_every_expression_stands_on_lines_of_its_graph(widgets: list[Resource], alarms: dict[str, Resource]) -> None:
    graphs = [widget["properties"].get("metrics", []) for widget in widgets]
    told = [[one[-1] for one in graph if isinstance(one[-1], dict)] for graph in graphs]
    told += [
        [{key.lower(): value for key, value in one.items()} for one in alarm.get("Metrics", [])]
        for alarm in alarms.values()
    ]

    for lines in told:
        ids = Counter(line["id"] for line in lines if "id" in line)
        assert max(ids.values(), default=1) == 1
        for line in lines:
            named = set(re.findall(r"\b[a-z]\w*\b", line.get("expression", "")))
            assert named <= ids.keys(), line


def test_no_widget_covers_another(widgets: list[Resource]) -> None:
    cells = Counter(
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    )

    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) < 24


def test_every_alarm_is_mailed_stands_on_the_dashboard_and_tells_when_it_is_over(
    template: Resource, alarms: dict[str, Resource], widgets: list[Resource]
) -> None:
    [listed] = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    always = {name for name in alarms if "Condition" not in template["Resources"][name]}

    assert {alarm.strip("{}").removesuffix(".Arn") for alarm in listed} == always
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["AlarmDescription"]
    [subscription] = template["Resources"]["AlarmTopic"]["Properties"]["Subscription"]
    assert subscription == {"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}


def test_the_document_has_every_metric_with_its_unit_and_dimension() -> None:
    declared = {
        (f"`{name}`", str(unit), report.dimension or "") for report in REPORTS for name, unit in report.units.items()
    }

    rows = documented("Metrics")

    assert {(name, unit, dimension) for name, unit, dimension, *_ in rows} == declared
    assert len(rows) == len(declared)


def test_the_document_says_of_every_alarm_what_to_do(alarms: dict[str, Resource]) -> None:
    beside = [alarm["Properties"] for alarm in resources(TEMPLATE, "AWS::CloudWatch::Alarm").values()]
    names = {alarm["AlarmName"]["Fn::Sub"].partition("}-")[2] for alarm in [*alarms.values(), *beside]}

    rows = documented("Alarms")

    assert {name.strip("`") for name, *_ in rows} == names
    assert all(len(to_do.split()) > 4 for *_, to_do in rows)


def test_logs_are_kept_for_a_while_and_not_for_ever() -> None:
    logs = load(NESTED["logs"])

    groups = of_type(logs, "AWS::Logs::LogGroup")

    assert len(groups) == 2
    assert all(group["RetentionInDays"] == {"Ref": "RetentionDays"} for group in groups.values())
    assert logs["Parameters"]["RetentionDays"]["Default"] == 30


def test_workers_alone_ask_for_the_sampling_rule(template: Resource) -> None:
    [rule] = of_type(template, "AWS::XRay::SamplingRule").values()

    source = (ROOT / "worker_image" / "worker" / "process.py").read_text()

    assert f'open_sampling_tracer("{rule["SamplingRule"]["ServiceName"]}"' in source
