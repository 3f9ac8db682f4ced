"""`oddline send` sends a file's lines by the client, tells what was refused, and waits for scores if asked to."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering_server import AnsweringServer, Request, Response, answering, take_all
from typer.testing import CliRunner

from oddline.cli.app import make_app
from oddline.cli.connecting import NotTaken
from oddline.cli.send import send
from oddline.errors import OddlineError, Unavailable

command = make_app()
command.command()(send)


@pytest.fixture
def task() -> dict[str, object]:
    """What the API tells of each task."""
    return {"task_id": "t", "status": "SUCCESS", "ready": True, "successful": True, "result": {"anomalies": 2}}


@pytest.fixture
def server(task: dict[str, object]) -> Iterator[AnsweringServer]:
    taking = take_all()

    def process(request: Request) -> Response:
        return taking(request) if request.method == "POST" else Response(200, json.dumps(task).encode())

    with answering(process) as server:
        yield server


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "shop.log"
    file.write_bytes(b"first\r\n\n  \nb\xffad \0 bytes\nlast")
    return file


def run(server: AnsweringServer, *arguments: str, stdin: bytes = b"") -> str:
    """What the command tells; its error raised."""
    done = CliRunner().invoke(command, ["--url", server.url, "--key", "key", *arguments], input=stdin)
    if done.exception:
        raise done.exception
    return done.output


def test_each_line_that_is_not_blank_becomes_an_entry_of_the_file(server: AnsweringServer, log: Path) -> None:
    told = run(server, str(log))

    [batch] = server.batches
    assert batch == [{"message": message, "source": "shop"} for message in ("first", "b�ad ␀ bytes", "last")]
    assert told == "3 entries taken in 1 batch\n"


def test_standard_input_is_a_source_too(server: AnsweringServer) -> None:
    run(server, stdin=b"hello\n")
    run(server, "--source", "cart", "-", stdin=b"hello\n")

    assert [entry["source"] for [entry] in server.batches] == ["stdin", "cart"]


def test_the_same_file_sent_again_bears_the_same_keys(server: AnsweringServer, log: Path) -> None:
    for _ in range(2):
        run(server, str(log))

    first, again = server.keys
    assert first == again


def test_refused_lines_are_told(server: AnsweringServer, log: Path) -> None:
    fault = {"index": 1, "field": "message", "code": "blank", "detail": "the message is blank"}
    server.told = [(202, {"task_id": "t", "accepted": 2, "refused": [fault]})]

    assert run(server, str(log)) == "refused: the message is blank\n2 entries taken in 1 batch\n"


def test_waiting_tells_how_many_are_odd(server: AnsweringServer, log: Path) -> None:
    assert run(server, str(log), "--wait").endswith("all scored, 2 odd\n")


def test_what_was_not_scored_is_an_error(server: AnsweringServer, log: Path, task: dict[str, object]) -> None:
    task |= {"successful": False, "status": "FAILURE", "error": "no model"}

    with pytest.raises(OddlineError, match="1 of 1 batches were not scored: no model"):
        run(server, str(log), "--wait")


def test_what_is_not_scored_in_time_is_an_error(server: AnsweringServer, log: Path, task: dict[str, object]) -> None:
    task |= {"ready": False, "status": "STARTED"}

    with pytest.raises(Unavailable, match="task t1 is still STARTED after 0 s"):
        run(server, str(log), "--wait", "--patience", "0")


def test_an_api_that_refuses_is_an_error(server: AnsweringServer, log: Path) -> None:
    server.told = [(401, {"detail": "the API key is unknown"})]

    with pytest.raises(NotTaken, match="401 the API key is unknown"):
        run(server, str(log))


def test_a_file_that_is_not_there_is_an_error(server: AnsweringServer, tmp_path: Path) -> None:
    with pytest.raises(OddlineError, match="No such file"):
        run(server, str(tmp_path / "none.log"))
