"""`oddline cost`: what a deployment costs a month, idle and at a volume."""

import json
from typing import Annotated, Any

import typer

from oddline.cost import Egress, Estimate, Workload, estimate, read_measured, read_prices

USUAL_GB_PER_DAY = (0.0, 10.0, 1_000.0)


def cost(
    *,
    gb_per_day: Annotated[
        list[float] | None, typer.Option(min=0, help="GB (10^9 bytes) of log text a day; beside idle, 10 and 1,000.")
    ] = None,
    batch_lines: Annotated[int, typer.Option(min=1, max=10_000, help="Lines that a request brings.")] = 1_000,
    line_bytes: Annotated[
        float | None, typer.Option(min=1, help="Bytes of a line. [default: of those that were measured]")
    ] = None,
    retention_days: Annotated[int, typer.Option(min=1, help="Days that entries are kept.")] = 30,
    egress: Annotated[Egress, typer.Option(help="The way out of the private subnets.")] = Egress.NAT,
    spot_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the scoring tasks on Spot.")] = 0.0,
    body_object_bytes: Annotated[
        int, typer.Option(min=1, help="A packed body over this is an object (ODDLINE_BODY_OBJECT_BYTES).")
    ] = 262_144,
    lines_per_s: Annotated[
        float | None, typer.Option("--lines-per-second", min=1, help="That one vCPU scores. [default: measured]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON.")] = False,
) -> None:
    """Estimate the month's bill from dated prices and measured figures."""
    volumes = sorted({*USUAL_GB_PER_DAY, *(gb_per_day or ())})
    estimates = [
        estimate(
            Workload(
                gb_per_day=volume,
                line_bytes=line_bytes,
                batch_lines=batch_lines,
                retention_days=retention_days,
                body_object_bytes=body_object_bytes,
                egress=egress,
                spot_share=spot_share,
                lines_per_s=lines_per_s,
            )
        )
        for volume in volumes
    ]
    if as_json:
        print(json.dumps(_view(estimates), indent=2))
    else:
        _print(estimates)


def _view(estimates: list[Estimate]) -> dict[str, Any]:
    prices, measured = read_prices(), read_measured()
    return {
        "region": prices.region,
        "prices_made": prices.made.isoformat(),
        "prices_from_memory": prices.from_memory,
        "measured": {
            "at": measured.at.isoformat(),
            "machine": measured.machine,
            "command": measured.command,
            "lines_per_s_and_core": measured.lines_per_s,
        },
        "estimates": [_view_one(one) for one in estimates],
    }


def _view_one(one: Estimate) -> dict[str, Any]:
    return {
        "gb_per_day": one.workload.gb_per_day,
        "lines_a_month": one.lines,
        "usd_a_month": one.usd,
        "usd_per_million_lines": one.usd_per_million_lines,
        "items": [
            {
                "service": item.service,
                "what": item.what,
                "quantity": item.quantity,
                "per": item.price.per,
                "usd_each": item.price.usd,
                "usd": item.usd,
            }
            for item in one.items
        ],
    }


def _print(estimates: list[Estimate]) -> None:
    """Markdown, which docs/cost.md holds as it is printed."""
    prices, measured = read_prices(), read_measured()
    for one in estimates:
        print(f"### {_title(one)}\n\n{_table(one)}\n")
    print(
        f"Prices of {prices.region}, {prices.made:%d %B %Y}, without free tiers and discounts;"
        f" {len(prices.from_memory)} of {len(prices.prices)} from memory: {', '.join(prices.from_memory)}.\n"
    )
    print(
        f"A core scores {measured.lines_per_s:,.0f} lines/s of {measured.line_bytes:g} bytes: measured"
        f" {measured.at:%d %B %Y} by `{measured.command}` on {measured.machine}."
    )


def _title(one: Estimate) -> str:
    each = one.usd_per_million_lines
    if each is None:
        return f"Idle: ${one.usd:,.0f} a month"
    return f"{one.workload.gb_per_day:,g} GB a day: ${one.usd:,.0f} a month, ${each:.3f} per million lines"


def _table(one: Estimate) -> str:
    from rich.box import MARKDOWN
    from rich.table import Table

    from oddline.cli.console import new_console

    table = Table("service", "what", "a month", "unit", "$ each", "$ a month", box=MARKDOWN)
    for column in (2, 4, 5):
        table.columns[column].justify = "right"
    for item in one.items:
        if item.quantity:
            each = f"{item.price.usd:.10f}".rstrip("0").rstrip(".")
            row = (f"{item.quantity:,.1f}", item.price.per, each, f"{item.usd:,.2f}")
            table.add_row(item.service, item.what, *row)
    table.add_row("", "all", "", "", "", f"{one.usd:,.2f}")
    console = new_console()
    with console.capture() as shown:
        console.print(table)
    return "\n".join(line.rstrip() for line in shown.get().splitlines()).strip()
