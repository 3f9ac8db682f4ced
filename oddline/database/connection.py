"""Connections and transactions: the project of a transaction is set here and nowhere else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from oddline.errors import DatabaseUnavailable

Transaction = Connection[tuple[Any, ...]]
CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 3.0  # a caller is told to come back rather than kept waiting
UNANSWERED_MS = 20_000  # a server that is gone without a word is given up then, and not when TCP does, in minutes
STATEMENT_TIMEOUT_MS = 60_000  # nothing that Oddline asks takes longer; what does is stuck
IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000  # one forgotten transaction would hold up every incremental reader


# Connection exceptions, rollbacks, resources, objects in use, intervention of an operator.
PASSING_CLASSES = frozenset({"08", "40", "53", "55", "57"})
# A process that stood still in a transaction, frozen or without a processor, finds it ended.
PASSING_CODES = frozenset(
    {psycopg.errors.IdleInTransactionSessionTimeout.sqlstate, psycopg.errors.TransactionTimeout.sqlstate}
)


class Database:
    """A few connections of one role.

    Args:
        url: `postgresql://role:password@host:port/database`, or what tells it: asked again for each connection, also
            after one that was refused.
        size: connections at most; 1 on Lambda, where a single one is kept and replaced when it broke.
        prepare: whether statements may be prepared on the server; not behind RDS Proxy, which pins a session for it.
    """

    def __init__(
        self, url: str | Callable[[], str], *, size: int = 8, prepare: bool = False, application: str = "oddline"
    ) -> None:
        self._pool: ConnectionPool[Transaction] = ConnectionPool(
            url,
            min_size=0,
            max_size=size,
            open=False,
            timeout=POOL_TIMEOUT_S,
            check=ConnectionPool.check_connection,
            kwargs={
                "application_name": application,
                "connect_timeout": CONNECT_TIMEOUT_S,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": UNANSWERED_MS,
                "prepare_threshold": 5 if prepare else None,
            },
        )
        self._opening = threading.Lock()

    @contextmanager
    def transaction(self, *, project: UUID | None = None) -> Iterator[Transaction]:
        """One transaction, committed at the end of the block; of one project where the role is bound to one.

        Raises:
            DatabaseUnavailable: PostgreSQL does not answer, went away, or broke the transaction off.
        """
        with self._connection() as connection:
            connection.execute(
                "SELECT set_config('oddline.project', %s, true), set_config('statement_timeout', %s, true),"
                " set_config('idle_in_transaction_session_timeout', %s, true), set_config('TimeZone', 'UTC', true)",
                [str(project or ""), str(STATEMENT_TIMEOUT_MS), str(IDLE_IN_TRANSACTION_TIMEOUT_MS)],
            )
            yield connection

    @contextmanager
    def autocommit(self) -> Iterator[Transaction]:
        """A connection outside any transaction, for the few statements that cannot run in one.

        Raises:
            DatabaseUnavailable: as `transaction`.
        """
        with self._connection() as connection:
            connection.set_autocommit(True)
            try:
                yield connection
            finally:
                if not connection.closed:
                    connection.set_autocommit(False)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def _connection(self) -> Iterator[Transaction]:
        if self._pool.closed:
            with self._opening:
                self._pool.open()
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError, PoolTimeout) as error:
            if not _is_passing(error):
                raise
            # The driver's own words name hosts and roles: they are for the log, where the cause is shown.
            raise DatabaseUnavailable(f"the database does not answer now ({type(error).__name__})") from error


class Joined(Database):
    """A database of which one transaction is open: whoever begins one takes part in that, as in a part of it.

    Args:
        tx: the open one; it ends when whoever opened it says so.
        project: whose it is.
    """

    def __init__(self, tx: Transaction, *, project: UUID) -> None:
        self._tx = tx
        self._project = project

    @contextmanager
    def transaction(self, *, project: UUID | None = None) -> Iterator[Transaction]:
        """A part of the open transaction, taken back alone where the block fails.

        Raises:
            LookupError: it is of another project.
        """
        if project not in {None, self._project}:
            raise LookupError("the open transaction is another project's")
        with self._tx.transaction():
            yield self._tx

    def close(self) -> None:
        """Nothing is to be closed here."""


def _is_passing(error: Exception) -> bool:
    """Whether another try may succeed (PostgreSQL documentation, appendix A).

    A statement that runs into its timeout or a limit of the server does so again: it is the statement's own fault.
    """
    code = getattr(error, "sqlstate", None)
    if code is None or code in PASSING_CODES:
        return True
    return code[:2] in PASSING_CLASSES and code != psycopg.errors.QueryCanceled.sqlstate
