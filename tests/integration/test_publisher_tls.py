"""A broker at `rediss://` is spoken to by TLS, and only if its certificate is good."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oddline.catalogue import CATALOGUE
from oddline.settings import Settings
from oddline.submissions import SCORE_WAITING
from oddline.tasks import Publisher
from worker_image.worker.configuration import configure


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "valkey")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "valkey.crt", folder / "valkey.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes until either side ends."""
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def forward(listener: socket.socket, address: tuple[str, int], context: ssl.SSLContext) -> None:
    """Let whoever shakes hands with TLS talk to the address, until the listener is closed."""
    with ExitStack() as opened, suppress(OSError):
        while True:
            accepted, _ = listener.accept()
            with suppress(ssl.SSLError, ConnectionError):
                client = opened.enter_context(context.wrap_socket(accepted, server_side=True))
                server = opened.enter_context(socket.create_connection(address))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=(one, other), daemon=True).start()


@pytest.fixture
def tls_url(authority: tuple[Path, Path], redis_url: str) -> Iterator[str]:
    """Valkey behind TLS: the one that tests have speaks none."""
    valkey = urlsplit(redis_url)
    assert valkey.hostname
    assert valkey.port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=forward, args=(listener, (valkey.hostname, valkey.port), context))
        thread.start()
        yield f"rediss://:{valkey.password}@127.0.0.1:{listener.getsockname()[1]}/0"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_wake_up_reaches_a_broker_whose_certificate_is_good(
    tls_url: str, redis_url: str, authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    publisher = Publisher(tls_url, timeout_s=5.0)

    is_taken = publisher.wake(SCORE_WAITING)

    publisher.close()
    with redis.Redis.from_url(redis_url) as client:
        waiting = client.llen(str(SCORE_WAITING.queue))
    assert (is_taken, waiting) == (True, 1)


def test_no_wake_up_goes_to_a_broker_that_nobody_vouches_for(tls_url: str, caplog: pytest.LogCaptureFixture) -> None:
    publisher = Publisher(tls_url, timeout_s=5.0)

    is_taken = publisher.wake(SCORE_WAITING)

    publisher.close()
    assert not is_taken
    assert "rediss" not in caplog.text
    assert f"cannot publish {SCORE_WAITING.name}" in caplog.text


def test_a_worker_connects_to_a_broker_whose_certificate_is_good(
    tls_url: str, authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    app = Celery(set_as_current=False)
    app.conf.update(configure(Settings(redis_url=tls_url), CATALOGUE))

    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1)

        assert connection.connected
