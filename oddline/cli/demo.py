"""Show a new user what Oddline does: send the sample log as any client would, and print its oddest lines."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from rich.console import Console
from rich.text import Text

from oddline.cli.connecting import oddline_client
from oddline.local.stack import Stack
from oddline.patterns import Weight, weigh
from oddline.sample import read_demo

LOOKED_AT, SHOWN = 1_000, 12
SCORED_PATIENCE_S = 120.0
LONGEST_LINE = 160  # characters
MARKS = {Weight.PLAIN: "", Weight.ODD: "*", Weight.ODDEST: "**"}
STYLES = {Weight.PLAIN: "", Weight.ODD: "yellow", Weight.ODDEST: "bold red"}


def show_demo(stack: Stack, *, console: Console) -> None:
    """Send the sample log and print its oddest lines with their odd tokens.

    Raises:
        Unavailable: it was not scored in time.
        NotTaken: the API refused it.
    """
    with oddline_client(url=stack.url, key=stack.api_key) as client:
        sent = client.send(_entries(), run="demo")
        client.wait(sent.task_ids, timeout_s=SCORED_PATIENCE_S)
        anomalies = list(islice(client.anomalies(order="oddest", limit=LOOKED_AT), LOOKED_AT))
    console.print(f"\nThe sample log: {sent.accepted:,} lines sent and scored. The oddest, one of each kind:\n")
    one_of_each: dict[tuple[str, int], dict[str, Any]] = {}
    for odd in anomalies:
        one_of_each.setdefault((odd["source"], odd["pattern_id"]), odd)
    for odd in islice(one_of_each.values(), SHOWN):
        console.print(_line(odd, marked=not console.is_terminal))


def _entries() -> Iterator[dict[str, Any]]:
    for line in read_demo():
        if line.text.strip():
            yield {"message": line.text, "source": line.source}


def _line(odd: dict[str, Any], *, marked: bool) -> Text:
    """The line with its odd tokens in colour, or between asterisks where there are no colours."""
    text = Text.assemble((f"{odd['anomaly_score']:.2f} ", "bold"), (f"{odd['source']:>10} ", "cyan"))
    for piece, weight in weigh(odd["explanation"]["tokens"]):
        mark = MARKS[weight] if marked else ""
        text.append(f"{mark}{piece}{mark}", style=STYLES[weight])
    text.truncate(LONGEST_LINE, overflow="ellipsis")
    return text
