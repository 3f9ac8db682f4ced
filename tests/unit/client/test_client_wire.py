"""Connections are kept, bounded in time, checked, and go by the proxy that the environment names."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering_server import HANG, AnsweringServer, answering

from oddline.client import Client, Patience, Unavailable

ONCE = Patience(tries=1)


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ODDLINE_URL",
        "ODDLINE_API_KEY",
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


def test_calls_one_after_the_other_use_one_connection(server: AnsweringServer) -> None:
    with Client(server.url, "key") as client:
        for _ in range(5):
            client.log("hello")

    assert (len(server.requests), server.connections) == (5, 1)


def test_what_must_not_come_twice_goes_by_a_connection_of_its_own(server: AnsweringServer) -> None:
    with Client(server.url, "key") as client:
        client.log("hello")
        client.start("send_email", {})

    assert server.connections == 2


def test_a_connection_that_the_api_closed_meanwhile_costs_no_try() -> None:
    with answering() as server, Client(server.url, "key", patience=ONCE) as client:
        client.log("hello")
        port = server.server_port
        [kept] = client._wire._idle  # type: ignore[union-attr]
        kept.sock.shutdown(socket.SHUT_RDWR)
    with answering(port=port) as server:
        client.log("again")
        client.close()

        assert len(server.requests) == 1


def test_threads_share_a_client(server: AnsweringServer) -> None:
    with Client(server.url, "key") as client:
        threads = [threading.Thread(target=client.send, args=([{"message": f"line {n}"}],)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(entry["message"] for [entry] in server.batches) == sorted(f"line {n}" for n in range(12))


def test_an_api_that_hangs_is_not_waited_for_longer_than_the_timeout(server: AnsweringServer) -> None:
    server.told = [HANG]

    with (
        Client(server.url, "key", timeout_s=0.2, patience=ONCE) as client,
        pytest.raises(Unavailable, match="timed out"),
    ):
        client.log("hello")


def test_an_answer_that_comes_drop_by_drop_is_not_waited_for_longer_either() -> None:
    ending = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n")
                while not ending.wait(0.05):
                    connection.sendall(b" ")

        dripping = threading.Thread(target=drip)
        dripping.start()
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", "key", timeout_s=0.3, patience=ONCE)
        with pytest.raises(Unavailable, match=r"took over 0\.3 s"):
            client.log("hello")
        ending.set()
        dripping.join()


def test_an_answer_that_breaks_off_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def break_off() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n{}")

        breaking = threading.Thread(target=break_off)
        breaking.start()
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", "key", timeout_s=5, patience=ONCE)
        with pytest.raises(Unavailable, match="IncompleteRead"):
            client.log("hello")
        breaking.join()


def test_http_goes_by_the_proxy_of_the_environment(server: AnsweringServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://ada:s%40fe@127.0.0.1:{server.server_port}")

    with Client("http://oddline.example:8080/logs", "key") as client:
        client.log("hello")

    [request] = server.requests
    assert request.path == "http://oddline.example:8080/logs/api/v1/logs"
    assert request.headers["Host"] == "oddline.example:8080"
    assert request.headers["Proxy-Authorization"] == "Basic YWRhOnNAZmU="


@pytest.mark.parametrize("exempt", ["oddline.example", "*"])
def test_hosts_that_need_no_proxy_are_called_without(
    server: AnsweringServer, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", exempt)

    with pytest.raises(Unavailable):  # there is no such host
        Client("http://oddline.example:8080", "key", patience=ONCE).log("hello")

    assert server.requests == []


def test_this_machine_is_never_called_by_a_proxy(
    server: AnsweringServer, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")

    with Client(server.url, "key", patience=ONCE) as client:
        client.log("hello")

    assert len(server.requests) == 1


def test_https_goes_through_the_proxy_and_only_to_whom_its_certificate_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-keyout", key, "-out", certificate, "-subj", "/CN=oddline.example",
         "-addext", "subjectAltName=DNS:oddline.example"],
        check=True, capture_output=True,
    )  # fmt: skip
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with answering() as server, tunnels_to(server.server_port) as (proxy, asked):
        server.socket = secure.wrap_socket(server.socket, server_side=True)
        monkeypatch.setenv("https_proxy", f"http://ada:safe@127.0.0.1:{proxy}")

        with Client("https://oddline.example", "key", tls=trusting, timeout_s=5, patience=ONCE) as client:
            taken = client.log("hello")
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            Client("https://oddline.example", "key", timeout_s=5, patience=ONCE).log("hello")
        with pytest.raises(Unavailable, match=r"not valid for 'other\.example'"):
            Client("https://other.example", "key", tls=trusting, timeout_s=5, patience=ONCE).log("hello")

    assert taken.id == "e"
    assert len(server.requests) == 1
    assert asked[0].startswith("CONNECT oddline.example:443 HTTP/1.")
    assert "Proxy-Authorization: Basic YWRhOnNhZmU=" in asked[0]


def test_url_and_key_come_from_the_environment(server: AnsweringServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODDLINE_URL", f"{server.url}/")
    monkeypatch.setenv("ODDLINE_API_KEY", "of the environment")

    with Client() as client:
        client.log("hello")

    assert server.requests[0].path == "/api/v1/logs"
    assert server.requests[0].headers["X-API-Key"] == "of the environment"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (None, "key"),
        ("http://x", None),
        ("x", "key"),
        ("ftp://x", "key"),
        ("http://", "key"),
        ("http://x", "a\r\nb: c"),
    ],
)
def test_without_an_address_and_a_key_there_is_no_client(url: str | None, key: str | None) -> None:
    with pytest.raises(ValueError, match=r"ODDLINE_URL and ODDLINE_API_KEY|not the address|characters"):
        Client(url, key)


class tunnels_to:  # noqa: N801  # reads as a function
    """A proxy that connects whatever is asked for to one port of this machine; its port, and what it was asked."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._asked: list[str] = []

    def __enter__(self) -> tuple[int, list[str]]:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self._listener.getsockname()[1], self._asked

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._asked.append(near.recv(65_536).decode())
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            far = socket.create_connection(("127.0.0.1", self._port))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while piece := one.recv(65_536):
                other.sendall(piece)
        except OSError:
            pass
        finally:
            one.close()
            other.close()
