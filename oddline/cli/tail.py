"""`oddline tail`: what comes in, as it comes; it goes on where it was when the API was away."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final

import httpx
import typer

from oddline.cli.connecting import Key, Url, api_client, content_of, reason_of
from oddline.cli.odd_lines import STYLES, clean, coloured, plain

PATH: Final = "/api/v1/logs/tail"
IDLE_S: Final = 1.0  # between two questions while nothing comes in
LONGEST_PAUSE_S: Final = 15.0  # while the API is away
AT_ONCE: Final = 500
_LATER: Final = frozenset({408, 429})


def tail(
    source: Annotated[list[str] | None, typer.Option(help="from this source; several: from any of them")] = None,
    min_score: Annotated[float | None, typer.Option(help="with this score or a higher one", min=0, max=1)] = None,
    severity: Annotated[list[str] | None, typer.Option(help="of this severity; several: of one of them")] = None,
    min_severity: Annotated[str | None, typer.Option(help="of this severity or a higher one")] = None,
    text: Annotated[str | None, typer.Option(help="with this in the message, in letters of any case")] = None,
    back: Annotated[int, typer.Option(help="begin so many seconds back", min=0, max=86_400)] = 0,
    json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show what comes in, scored, until Ctrl-C; nothing is missed while the API restarts."""
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    asked = {
        "source": source,
        "minimum_score": min_score,
        "severity": severity,
        "minimum_severity": min_severity,
        "text": text,
    }
    parameters = {name: value for name, value in asked.items() if value is not None}
    with api_client(url=url, key=key) as client:
        try:
            for entry in follow(client, parameters, begin=str(back) if back else None, told=_tell):
                print(_as_json(entry) if json else as_line(entry, is_coloured=is_coloured), flush=True)
        except KeyboardInterrupt:
            raise typer.Exit from None
        except BrokenPipeError:
            # Who reads us has left; what Python would still flush has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def follow(
    client: httpx.Client,
    parameters: Mapping[str, Any],
    *,
    begin: str | None = None,
    told: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, Any]]:
    """The entries that come in, without end; while the API is away it is asked again, more and more seldom.

    Raises:
        NotTaken: it refuses.
    """
    cursor, failures = begin, 0
    while True:
        answer = _ask(client, {**parameters, "limit": AT_ONCE} | ({"after": cursor} if cursor else {}))
        if isinstance(answer, str):
            if not failures:
                told(f"the API is away, going on as soon as it is back: {answer}")
            pause(min(IDLE_S * 2**failures, LONGEST_PAUSE_S))
            failures = min(failures + 1, 10)
            continue
        if failures:
            told("the API is back")
        failures = 0
        if answer.status_code == httpx.codes.GONE:
            told(f"some of it is shown no more: {reason_of(answer)}")
            cursor = None
            continue
        page = content_of(answer)
        yield from page["entries"]
        cursor = page["next"]
        if page["caught_up"]:
            pause(IDLE_S)


def as_line(entry: Mapping[str, Any], *, is_coloured: bool) -> str:
    """When, how severe, how odd, from where, and the line itself."""
    explanation = entry.get("explanation") or {}
    tokens = explanation.get("tokens")
    message = coloured(tokens, is_coloured=is_coloured) if tokens else plain(entry["message"])
    score = f"{entry['anomaly_score']:.2f}"
    if entry["is_anomaly"] and is_coloured:
        score = typer.style(score, **STYLES[-1])
    mark = "!" if entry["is_anomaly"] else " "
    return f"{entry['timestamp'][:23]}Z {entry['severity']:<5} {score}{mark} {plain(entry['source'])}  {message}"


def _ask(client: httpx.Client, parameters: Mapping[str, Any]) -> httpx.Response | str:
    """The answer; or why there is none that counts."""
    try:
        answer = client.get(PATH, params=dict(parameters))
    except httpx.TransportError as error:
        return str(error) or type(error).__name__
    if answer.is_server_error or answer.status_code in _LATER:
        return reason_of(answer)
    return answer


def _as_json(entry: Mapping[str, Any]) -> str:
    import orjson

    return orjson.dumps(entry).decode()


def _tell(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)
