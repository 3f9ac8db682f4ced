"""What the shippers that people run already send is stored whole and unchanged: each in its own protocol."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ingesting import Stored
from shipper_clients import CLIENTS, PATIENCE_S, Client, Target
from shipper_entries import count, differences, lines

from oddline.identity import NewKey
from oddline.settings import Side

Row = tuple[str, str, int, int, int]
SENT, SENT_AT_FULL_LENGTH = 120, 9_000


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[Row]]:
    """A row for each client; written where `--shippers-table` says."""
    rows: list[Row] = []
    yield rows
    if file := request.config.getoption("--shippers-table"):
        header = "| client | protocol | sent | stored | differences |\n| --- | --- | --- | --- | --- |\n"
        file.write_text(header + "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows))


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    """One database for all clients."""
    return module_database_urls


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: f"{client.name}, {client.protocol}")
@pytest.mark.usefixtures("emptied_inbox")
def test_what_a_shipper_sends_is_stored_without_a_difference(
    client: Client,
    url: str,
    make_key: Callable[..., NewKey],
    stored: Callable[[], list[Stored]],
    table: list[Row],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    def arrived(wanted: int) -> None:
        deadline = datetime.now(UTC) + timedelta(seconds=PATIENCE_S)
        while count(stored()) < wanted and datetime.now(UTC) < deadline:
            threading.Event().wait(0.05)

    sent = SENT_AT_FULL_LENGTH if request.config.getoption("--full-length") else SENT
    target = Target(url=url, key=make_key().key, folder=tmp_path, arrived=arrived)

    wanted = client.send(target, lines(sent, now=datetime.now(UTC)))

    found = differences(stored(), wanted)
    table.append((client.name, client.protocol, sent, count(stored()), len(found)))
    assert found == []
