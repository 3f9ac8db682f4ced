"""Connections to PostgreSQL: what ends them is told as passing, and a server that is gone is given up soon."""

import os
import socket
from collections.abc import Callable, Iterator

import psycopg
import pytest

from oddline.database import Database, connection
from oddline.errors import DatabaseUnavailable
from oddline.settings import Side

pytestmark = pytest.mark.both_postgres

Databases = Callable[[Side], Database]


@pytest.fixture
def onlooker(database_urls: dict[Side, str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_urls["owner"], autocommit=True) as onlooker:
        yield onlooker


def test_a_transaction_that_the_server_ended_since_nothing_came_may_be_tried_again(
    db: Databases, onlooker: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_IN_TRANSACTION_TIMEOUT_MS", 20)

    with pytest.raises(DatabaseUnavailable), db("worker").transaction() as tx:  # noqa: PT012
        pid = tx.info.backend_pid
        while onlooker.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            pass
        tx.execute("SELECT 1")


def test_a_statement_that_runs_out_of_time_is_its_own_fault(db: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STATEMENT_TIMEOUT_MS", 20)

    with pytest.raises(psycopg.errors.QueryCanceled), db("worker").transaction() as tx:
        tx.execute("SELECT pg_sleep(60)")


def test_a_server_that_is_gone_without_a_word_is_given_up_in_half_a_minute(db: Databases) -> None:
    with db("worker").transaction() as tx, socket.socket(fileno=os.dup(tx.pgconn.socket)) as used:
        options = (socket.TCP_USER_TIMEOUT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        unanswered_ms, *probes = (used.getsockopt(socket.IPPROTO_TCP, option) for option in options)
        is_probed = used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    assert (unanswered_ms, is_probed, probes) == (20_000, 1, [10, 5, 3])
