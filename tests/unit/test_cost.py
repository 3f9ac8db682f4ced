"""The bill: lines that were worked out by hand, and what holds at any volume."""

import json
import tomllib
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from oddline import cost
from oddline.chunks.retention import HOT_DAYS as HOT_DAYS_IN_CODE
from oddline.cli.app import app
from oddline.cost import Egress, Estimate, Price, PriceTable, Step, Workload, read_measured, read_prices
from oddline.cost.bill import BODY_DAYS, HOT_DAYS
from oddline.cost.estimate import estimate
from oddline.cost.model import Assumed, Deployment, Measured
from oddline.maintenance.service import BODIES_KEPT
from oddline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
STEP = Step(cpu_s=0.072, database_cpu_s=0.003, log_bytes=40_960, writes=1)
MEASURED = Measured(
    at=date(2026, 1, 1),
    machine="none",
    command="none",
    batch_lines=1_000,
    backlog_batches=8,
    line_bytes=100,
    wire_bytes=200,
    body_bytes=20,
    hot_bytes=25,
    odd_bytes=5,
    kept_bytes=20,
    steps=dict.fromkeys(("take", "take_single", "score", "score_alone", "fold", "detect", "compact"), STEP),
)
DOLLAR = PriceTable(
    "none", date(2026, 1, 1), {name: Price(name, 1.0, "unit", "", "", "") for name in read_prices().prices}
)
QUIET = Assumed(searches_a_day=0.0)

volumes = st.floats(0, 50_000)
workloads = st.builds(
    Workload,
    gb_per_day=volumes,
    line_bytes=st.none() | st.floats(20, 5_000),
    batch_lines=st.integers(1, 10_000),
    retention_days=st.integers(1, 400),
    egress=st.sampled_from(Egress),
    spot_share=st.floats(0, 1),
    lines_per_s=st.none() | st.floats(100, 1e6),
)


def by_hand(workload: Workload, **changes: Any) -> dict[tuple[str, str], float]:
    """Quantities at a dollar each, of round figures."""
    found = estimate(workload, prices=DOLLAR, measured=MEASURED, scheduled=1_000, **({"assumed": QUIET} | changes))
    return {(item.service, item.what): item.quantity for item in found.items}


def shipped(workload: Workload) -> Estimate:
    return estimate(workload, prices=read_prices(), measured=read_measured(), scheduled=1_000)


def test_lines_become_requests_and_requests_are_metered_by_512_kib() -> None:
    # 24 GB a day of 100 bytes are 240 million lines a day, 7,300 million in the month of 30.4 days.
    items = by_hand(Workload(gb_per_day=24, batch_lines=10_000))

    # 10,000 lines of 200 bytes are 2 MB: four times 512 KiB.
    assert items["API Gateway", "requests"] == pytest.approx(730_000 * 4)
    assert items["Lambda", "requests"] == pytest.approx(730_000 + 1_000)


def test_requests_above_300_million_have_their_own_price() -> None:
    items = by_hand(Workload(gb_per_day=24, batch_lines=10))

    assert items["API Gateway", "requests"] == 300e6
    assert items["API Gateway", "requests above 300 million"] == pytest.approx(730e6 - 300e6)


def test_the_function_is_billed_for_its_memory_and_its_share_of_a_processor() -> None:
    items = by_hand(Workload(gb_per_day=24), deployment=Deployment(ingest_mb=1_769 // 2 + 1))

    # 885 MB are half of a processor's 1,769: 0.072 s take 0.144, and PostgreSQL 0.003.
    each = 0.072 / (885 / 1_769) + 0.003
    assert items["Lambda", "taking submissions"] == pytest.approx(7.3e6 * each * 885 / 1_024)


def test_scoring_needs_as_many_hours_as_its_processor_time_and_never_fewer_than_one_task() -> None:
    busy = by_hand(Workload(gb_per_day=240), assumed=replace(QUIET, busy=0.5))
    idle = by_hand(Workload(gb_per_day=0))

    # 73 million batches of 0.072 s are 1,460,000 hours of a core; half busy, twice as many.
    assert busy["Fargate", "scoring: processors"] == pytest.approx(73e6 * 0.072 / 3_600 / 0.5)
    assert idle["Fargate", "scoring: processors"] == 730 * 2
    assert idle["Fargate", "background, Spot: memory"] == 730 * 4
    assert idle["Fargate", "background: memory"] == 0


def test_own_lines_per_second_replace_the_measured_ones() -> None:
    items = by_hand(Workload(gb_per_day=240, lines_per_s=1_000), assumed=replace(QUIET, busy=1.0))

    assert items["Fargate", "scoring: processors"] == pytest.approx(73e9 / 1_000 / 3_600)


def test_spot_takes_its_share_of_the_scoring_hours() -> None:
    items = by_hand(Workload(gb_per_day=0, spot_share=0.25))

    assert items["Fargate", "scoring: processors"] == 730 * 2 * 0.75
    assert items["Fargate", "scoring, Spot: processors"] == 730 * 2 * 0.25


def test_aurora_keeps_bodies_hot_chunks_and_odd_entries() -> None:
    items = by_hand(Workload(gb_per_day=10, retention_days=30), assumed=replace(QUIET, spare_gb=0.0))

    # 100 million lines a day: 20 bytes for 3 days, 25 for 4, 5 for 30.
    assert items["Aurora", "storage"] == pytest.approx(100e6 * (20 * 3 + 25 * 4 + 5 * 30) / 2**30)


def test_aurora_writes_are_log_in_pages_of_4_kib() -> None:
    cheap = {name: replace(price, usd=0.0) for name, price in DOLLAR.prices.items() if name == "aurora_io"}
    prices = PriceTable("none", DOLLAR.made, DOLLAR.prices | cheap)
    found = estimate(Workload(gb_per_day=10), prices=prices, measured=MEASURED, scheduled=0, assumed=QUIET)

    writes = next(item.quantity for item in found.items if item.what == "writes" and item.service == "Aurora")
    # A batch of 1,000 lines: four steps and the request itself write 10 pages each, and the body 20,000 bytes.
    assert writes == pytest.approx(3_041_666.67 * (5 * 10 + 20_000 / 4_096))


def test_a_large_body_is_an_object_and_no_row() -> None:
    rows = by_hand(Workload(gb_per_day=10, body_object_bytes=20_000))
    objects = by_hand(Workload(gb_per_day=10, body_object_bytes=19_999))

    assert rows["Aurora", "storage"] - objects["Aurora", "storage"] == pytest.approx(100e6 * 20 * 3 / 2**30)
    assert objects["S3", "writes"] - rows["S3", "writes"] == pytest.approx(3_041_666.67)


def test_the_ways_out_are_billed_as_the_templates_make_them() -> None:
    nat, per_zone, endpoints = (by_hand(Workload(gb_per_day=0, egress=egress)) for egress in Egress)

    assert nat["Network", "NAT gateways"] == 730
    assert per_zone["Network", "their addresses"] == 2 * 730
    assert endpoints["Network", "interface endpoints"] == 5 * 2 * 730
    assert ("Network", "NAT gateways") not in endpoints


def test_rds_proxy_is_billed_for_eight_units_at_least() -> None:
    small = by_hand(Workload(gb_per_day=0))
    large = by_hand(Workload(gb_per_day=0), deployment=Deployment(database_minimum=10.0))

    assert small["RDS Proxy", "capacity"] == 8 * 730
    assert large["RDS Proxy", "capacity"] == 10 * 730


def test_of_auroras_two_configurations_the_cheaper_one_is_taken() -> None:
    def kinds(gb_per_day: float) -> set[str]:
        return {item.what for item in shipped(Workload(gb_per_day=gb_per_day)).items}

    assert "capacity, Standard" in kinds(0)
    assert "capacity, I/O-Optimized" in kinds(1_000)


@given(workloads)
def test_the_whole_is_the_sum_of_its_lines_and_none_is_negative(workload: Workload) -> None:
    found = shipped(workload)

    assert found.usd == pytest.approx(sum(item.quantity * item.price.usd for item in found.items))
    assert all(item.usd >= 0 for item in found.items)
    assert max(Counter((item.service, item.what) for item in found.items).values()) == 1


@given(workloads, volumes)
def test_more_never_costs_less(workload: Workload, more: float) -> None:
    larger = replace(workload, gb_per_day=workload.gb_per_day + more)

    assert shipped(larger).usd >= shipped(workload).usd * (1 - 1e-9)


@given(workloads)
def test_keeping_longer_costs_no_less_and_spot_no_more(workload: Workload) -> None:
    before = shipped(workload).usd * (1 - 1e-9)

    assert shipped(replace(workload, retention_days=workload.retention_days + 1)).usd >= before
    assert shipped(replace(workload, spot_share=0.0)).usd >= before


@given(workloads)
def test_a_line_costs_less_the_more_there_are(workload: Workload) -> None:
    one, ten = (shipped(replace(workload, gb_per_day=volume)).usd_per_million_lines for volume in (1.0, 10.0))

    assert one is not None
    assert ten is not None
    assert ten <= one


def test_every_price_says_where_it_is_from_and_none_is_unused() -> None:
    prices = read_prices().prices
    used = {
        item.price.name
        for egress in Egress
        for volume in (0, 1_000)
        for item in shipped(Workload(gb_per_day=volume, egress=egress)).items
    }

    for price in prices.values():
        assert price.usd > 0
        assert price.page.startswith("https://aws.amazon.com/")
        assert price.as_of
        assert price.seen
    assert used == prices.keys()


def test_what_is_deployed_is_what_the_template_says() -> None:
    template, faults = decode(str(ROOT / "template.yaml"))
    assert not faults
    functions = {name: found["Properties"] for name, found in template["Resources"].items()}
    deployed = Deployment()

    assert functions["Ingest"]["MemorySize"] == deployed.ingest_mb
    assert functions["Search"]["MemorySize"] == deployed.search_mb
    assert template["Globals"]["Function"]["MemorySize"] == deployed.schedule_mb


def test_days_that_rows_stay_are_those_of_the_code() -> None:
    assert timedelta(days=BODY_DAYS) == BODIES_KEPT + timedelta(days=1)
    assert HOT_DAYS == HOT_DAYS_IN_CODE + 1
    assert Workload(gb_per_day=0).body_object_bytes == Settings.model_fields["body_object_bytes"].default


def test_the_command_prints_idle_10_gb_and_1_tb_and_what_was_asked_for() -> None:
    told = json.loads(CliRunner().invoke(app, ["cost", "--gb-per-day", "55", "--json"]).stdout)

    assert [one["gb_per_day"] for one in told["estimates"]] == [0, 10, 55, 1_000]
    for one in told["estimates"]:
        assert one["usd_a_month"] == pytest.approx(sum(item["usd"] for item in one["items"]))
    assert told["estimates"][2]["usd_a_month"] == cost.estimate(Workload(gb_per_day=55)).usd


def test_the_page_holds_what_the_command_prints() -> None:
    page = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")

    printed = CliRunner().invoke(app, ["cost"]).stdout

    assert page.endswith(printed), "put the output of `oddline cost` at the end of docs/cost.md"


def test_the_measured_figures_are_told_with_their_day_and_machine() -> None:
    table = tomllib.loads((ROOT / "oddline/cost/measured.toml").read_text(encoding="utf-8"))

    printed = CliRunner().invoke(app, ["cost"]).stdout

    assert f"{table['at']:%d %B %Y}" in printed
    assert table["machine"] in printed
