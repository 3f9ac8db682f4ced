"""`oddline find`: patterns by what they mean, by their words and by values in their entries."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from oddline.cli.connecting import Key, Url, call_api
from oddline.cli.console import counted
from oddline.cli.odd_lines import clean, plain

PATH: Final = "/api/v1/search"


def find(
    question: Annotated[str, typer.Argument(help="in your own words: disk failure on sda")],
    source: Annotated[list[str] | None, typer.Option(help="from this source; several: from any of them")] = None,
    time_from: Annotated[str | None, typer.Option("--from", help="this moment or later: 2026-11-05T08:15:30Z")] = None,
    time_to: Annotated[str | None, typer.Option("--to", help="before this moment")] = None,
    limit: Annotated[int, typer.Option(help="at most so many patterns", min=1, max=50)] = 10,
    entries: Annotated[int, typer.Option(help="so many of each pattern's latest entries", min=0, max=10)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Find patterns by what they mean, and show why each was found and its latest entries."""
    asked = {"q": question, "source": source, "from": time_from, "to": time_to, "limit": limit, "entries": entries}
    given = {name: value for name, value in asked.items() if value is not None}
    answer = call_api("GET", PATH, url=url, key=key, params=given)
    if as_json:
        print(json.dumps(answer))
        return
    for hit in answer["hits"]:
        print(*map(clean, _lines(hit)), sep="\n")
    if answer["waiting"]:
        print(f"{counted(answer['waiting'], 'pattern is', 'patterns are')} too new to be found yet")
    if not answer["complete"]:
        print("time was up before all was looked at: ask for less, or for a shorter time")


def _lines(hit: Mapping[str, Any]) -> Iterator[str]:
    yield plain(hit["pattern"])
    sources = ", ".join(one["source"] for one in hit["sources"])
    last = f", last {hit['last_seen'][:16]}" if hit["last_seen"] else ""
    yield f"    {counted(hit['count'], 'entry', 'entries')} of {sources or 'no source'}{last}; {_reason(hit['why'])}"
    for entry in hit["entries"]:
        yield f"    {entry['timestamp'][:19]} {entry['source']}: {plain(entry['message'])}"


def _reason(why: Mapping[str, Any]) -> str:
    said = [f"means {why['similarity']:.2f}"] if why["similarity"] is not None else []
    if why["words"]:
        said.append(f"says {' '.join(why['words'])}")
    if why["parameters"]:
        said.append(f"with {' '.join(why['parameters'])}")
    return ", ".join(said)
