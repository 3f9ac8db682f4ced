"""Calls go to the address that was checked, end in time, and are led nowhere else."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from smtp_server import certificate
from web_servers import Answering, Server, dripping, plain, serving, silent

from oddline.errors import OutgoingFailed, OutgoingRefused
from oddline.outgoing import Allowed, Outgoing, open_outgoing
from oddline.settings import Settings

HOST = "hooks.example"
SOON_S = 0.3  # the limit of calls that are to run into it
AT_MOST_S = 3.0  # and when they must have ended on a busy machine

OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(plain()) as server:
        yield server


def to_this_machine(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def client(*servers: Server, resolve: Callable[[str, int], list[str]] = to_this_machine, **options: object) -> Outgoing:
    return Outgoing(Allowed(",".join(server.address for server in servers)), resolve=resolve, **options)  # type: ignore[arg-type]  # limits and contexts


# A call


def test_a_call_reaches_the_server_with_its_name_headers_and_body(server: Server) -> None:
    answer = client(server).request(
        "POST", f"http://{HOST}:{server.port}/hook?a=b", headers={"X-Own": "1"}, content=b"{}"
    )

    assert (answer.status, answer.body) == (200, b"fine")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert f"host: {HOST}:{server.port}" in head.decode().lower()
    assert "x-own: 1" in head.decode().lower()
    assert "user-agent: oddline" in head.decode().lower()
    assert body == b"{}"


def test_what_the_operator_allows_is_read_from_the_settings(server: Server) -> None:
    outgoing = open_outgoing(Settings(outgoing_allowed=f"127.0.0.1:{server.port}"))

    assert outgoing.request("GET", f"http://localhost:{server.port}/").status == 200


def test_a_server_on_this_machine_is_not_reached_unless_it_is_allowed(server: Server) -> None:
    with pytest.raises(OutgoingRefused, match="may not be called"):
        Outgoing(Allowed()).request("GET", f"http://127.0.0.1:{server.port}/")

    assert server.requests == []


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_a_header_that_frames_the_message_or_names_its_receiver_is_refused(server: Server, name: str) -> None:
    with pytest.raises(OutgoingRefused, match="cannot be chosen"):
        client(server).request("GET", f"http://{HOST}:{server.port}/", headers={name: "inside"})

    assert server.requests == []


@pytest.mark.parametrize("value", ["a\r\nHost: inside", "a\nb", "a\0b", "✓"])
def test_a_header_that_would_become_two_is_refused(server: Server, value: str) -> None:
    with pytest.raises(OutgoingRefused):
        client(server).request("GET", f"http://{HOST}:{server.port}/", headers={"X-Own": value})


def test_a_proxy_of_the_environment_is_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(plain(b"by the proxy")) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        answer = client(server).request("GET", f"http://{HOST}:{server.port}/")

    assert answer.body == b"fine"
    assert proxy.requests == []


# Where it leads


def test_a_name_that_changes_its_address_after_the_check_changes_nothing(server: Server) -> None:
    with serving(plain(b"inside"), host="127.0.0.2") as inside:
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])
        asked: list[str] = []

        def resolve(host: str, _port: int) -> list[str]:
            asked.append(host)
            return next(answers)

        # The port of the one that may be called is no protection: both are called at it.
        outgoing = Outgoing(Allowed(f"127.0.0.1:{server.port},127.0.0.1:{inside.port}"), resolve=resolve)
        answer = outgoing.request("GET", f"http://{HOST}:{server.port}/")

        assert (answer.body, asked) == (b"fine", [HOST])
        with pytest.raises(OutgoingRefused, match=r"127\.0\.0\.2"):
            outgoing.request("GET", f"http://{HOST}:{inside.port}/")
        assert inside.requests == []


def test_a_name_with_one_address_that_may_not_be_called_is_refused_whole(server: Server) -> None:
    outgoing = client(server, resolve=lambda _host, _port: ["127.0.0.1", "169.254.169.254"])

    with pytest.raises(OutgoingRefused, match=r"169\.254\.169\.254"):
        outgoing.request("GET", f"http://{HOST}:{server.port}/")

    assert server.requests == []


def test_the_next_address_is_tried_where_the_first_refuses(server: Server) -> None:
    allowed = Allowed(f"127.0.0.0/8:{server.port}")
    outgoing = Outgoing(allowed, resolve=lambda _host, _port: ["127.0.0.3", "127.0.0.1"])

    assert outgoing.request("GET", f"http://{HOST}:{server.port}/").status == 200


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_an_answer_and_is_not_followed(status: str) -> None:
    with serving(plain(b"inside")) as inside:
        headers = f"Location: http://127.0.0.1:{inside.port}/\r\n"
        with serving(plain(b"", status=status, headers=headers)) as server:
            answer = client(server, inside).request("GET", f"http://{HOST}:{server.port}/")

    assert answer.status == int(status.split(maxsplit=1)[0])
    assert answer.headers["location"].endswith(f":{inside.port}/")
    assert inside.requests == []


def test_a_name_without_an_address_may_have_one_later(server: Server) -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise OSError("no address")

    with pytest.raises(OutgoingFailed, match="cannot be resolved"):
        client(server, resolve=resolve).request("GET", f"http://{HOST}:{server.port}/")


# TLS


def trusting(public: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(public))


def test_tls_asks_for_the_name_and_checks_it_though_the_address_is_pinned(tmp_path: Path) -> None:
    public, tls = certificate(tmp_path, host=HOST)
    with serving(plain(), tls=tls) as server:
        answer = client(server, ssl_context=trusting(public)).request("GET", f"https://{HOST}:{server.port}/")

    assert answer.status == 200
    assert server.names == [HOST]


def test_a_certificate_of_another_name_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    public, tls = certificate(tmp_path, host="another.example")
    with serving(plain(), tls=tls) as server:
        with pytest.raises(OutgoingFailed, match="ertificate"):
            client(server, ssl_context=trusting(public)).request("GET", f"https://{HOST}:{server.port}/")

        assert server.requests == []


def test_a_certificate_of_the_address_is_not_one_of_the_name(tmp_path: Path) -> None:
    public, tls = certificate(tmp_path)
    with serving(plain(), tls=tls) as server, pytest.raises(OutgoingFailed, match="ertificate"):
        client(server, ssl_context=trusting(public)).request("GET", f"https://{HOST}:{server.port}/")


def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    _, tls = certificate(tmp_path, host=HOST)
    with serving(plain(), tls=tls) as server, pytest.raises(OutgoingFailed, match="ertificate"):
        client(server).request("GET", f"https://{HOST}:{server.port}/")


# An answer


def test_headers_of_one_name_are_one_list() -> None:
    links = b'Link: </1>; rel="prev"\r\nX-One: 1\r\nlink: </3>; rel="next"\r\n'
    with serving(dripping(b"HTTP/1.1 200 OK\r\n" + links + b"Content-Length: 0\r\n\r\n", b"")) as server:
        answer = client(server).request("GET", f"http://{HOST}:{server.port}/")

    assert (answer.headers["link"], answer.headers["x-one"]) == ('</1>; rel="prev", </3>; rel="next"', "1")


# How much and how long


@pytest.mark.parametrize(
    "answering",
    [
        plain(b"x" * 2000),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
    ],
    ids=["announced", "endless", "endless in chunks"],
)
def test_an_answer_that_is_too_large_is_given_up(answering: Answering) -> None:
    with serving(answering) as server, pytest.raises(OutgoingFailed, match="more than 1,500 bytes"):
        client(server).request("GET", f"http://{HOST}:{server.port}/", most_bytes=1500)


def test_a_body_that_nobody_wants_is_not_read() -> None:
    with serving(dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000)) as server:
        answer = client(server).request("POST", f"http://{HOST}:{server.port}/", most_bytes=0)

    assert (answer.status, answer.body) == (200, b"")


def test_endless_headers_are_given_up() -> None:
    endless = dripping(b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 50_000 + b"\r\n")
    with serving(endless) as server, pytest.raises(OutgoingFailed, match="broke the answer off"):
        client(server).request("GET", f"http://{HOST}:{server.port}/")


@pytest.mark.parametrize(
    ("answering", "limit"),
    [
        (silent, "read_s"),
        (silent, "total_s"),
        (dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"), "total_s"),
        (dripping(OK_HEAD, b"x"), "total_s"),
    ],
    ids=["silent", "silent, in total", "headers byte by byte", "body byte by byte"],
)
def test_a_server_that_dawdles_is_given_up_in_time(answering: Answering, limit: str) -> None:
    with serving(answering) as server:
        began = time.monotonic()
        with pytest.raises(OutgoingFailed, match="in time"):
            client(server, **{limit: SOON_S}).request("GET", f"http://{HOST}:{server.port}/")

        assert time.monotonic() - began < AT_MOST_S


def test_a_server_that_says_nothing_of_tls_is_given_up_in_time() -> None:
    with serving(silent) as server:
        began = time.monotonic()
        with pytest.raises(OutgoingFailed, match="in time"):
            client(server, connect_s=SOON_S).request("GET", f"https://{HOST}:{server.port}/")

        assert time.monotonic() - began < AT_MOST_S


def test_a_resolver_that_dawdles_is_given_up_in_time(server: Server) -> None:
    is_over = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        is_over.wait(60)
        return ["127.0.0.1"]

    began = time.monotonic()
    with pytest.raises(OutgoingFailed, match="in time"):
        client(server, resolve=resolve, connect_s=SOON_S).request("GET", f"http://{HOST}:{server.port}/")

    assert time.monotonic() - began < AT_MOST_S
    is_over.set()


def test_a_server_that_is_not_there_is_told_and_may_be_tried_again(closed_port: int) -> None:
    outgoing = Outgoing(Allowed(f"127.0.0.1:{closed_port}"), resolve=to_this_machine)

    with pytest.raises(OutgoingFailed, match="cannot be connected to") as raised:
        outgoing.request("GET", f"http://{HOST}:{closed_port}/MARK")

    assert not raised.value.permanent
    assert "MARK" not in str(raised.value)
