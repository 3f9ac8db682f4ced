"""Faults in how PostgreSQL is used: wrong passwords, locks, slow queries, too many clients, misuse."""

import contextlib
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from bench.sample_corpus import postgres
from bench.sample_corpus.faults.fault import Fault
from bench.sample_corpus.faults.shows import CELERY_ERRORS, WEB_FALLOUT, says
from bench.sample_corpus.site import Site

_FALLOUT = (*WEB_FALLOUT, *CELERY_ERRORS)
_SLOW = "SELECT count(*) FROM visits a JOIN visits b ON a.seen <> b.seen AND a.page < b.page WHERE a.id < {rows}"
_archives = itertools.cycle(postgres.ARCHIVES[5:])


def _guess_passwords(site: Site) -> None:
    for user in (
        "postgres",
        "shop",
        "admin",
        "reporting",
        "root",
        "shop",
        "postgres",
        "replicator",
        "shop",
        "reporting",
    ):
        with contextlib.suppress(psycopg.OperationalError):
            postgres.connect(user, password="letmein", application="client").close()
        site.pause(0.1, 0.4)


def _deadlock(site: Site) -> None:
    for first, second in ((1, 2), (40, 90), (7, 3)):
        gate = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            pool.map(lambda pair, gate=gate: _transfer(pair, gate=gate), ((first, second), (second, first)))
        site.pause(0.2, 0.8)


def _transfer(accounts: tuple[int, int], *, gate: threading.Barrier) -> None:
    with contextlib.suppress(psycopg.errors.DeadlockDetected), postgres.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("UPDATE accounts SET balance = balance - 5 WHERE id = %s", [accounts[0]])
        gate.wait(5)
        connection.execute("UPDATE accounts SET balance = balance + 5 WHERE id = %s", [accounts[1]])
        connection.execute("COMMIT")


def _lock_table(site: Site) -> None:
    with postgres.admin() as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        site.pause(4.5, 6)
        connection.execute("ROLLBACK")


def _run_slow_queries(site: Site) -> None:
    def ask(rows: int) -> None:
        postgres.attempt(_SLOW.format(rows=rows), timeout="2s")

    with ThreadPoolExecutor(3) as pool:
        pool.map(ask, [site.chance.randint(100, 500) for _ in range(3)] + [20_000] * 3)


def _take_all_connections(site: Site) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(45):
            with contextlib.suppress(psycopg.OperationalError):
                held.enter_context(postgres.connect("reporting", password="report-pass", application="dashboard"))
        site.pause(4, 5)


def _rename_column(site: Site) -> None:
    with postgres.admin() as connection:
        connection.execute("ALTER TABLE products RENAME COLUMN stock TO stock_count")
        site.pause(4, 6)
        connection.execute("ALTER TABLE products RENAME COLUMN stock_count TO stock")


def _abuse_privileges(site: Site) -> None:
    table = next(_archives)
    acts = (
        "CREATE ROLE sysmon LOGIN SUPERUSER PASSWORD 'x'",
        "ALTER ROLE reporting SUPERUSER",
        f"CREATE TABLE kept AS SELECT * FROM {table}",
        f"TRUNCATE {table}",
        "DELETE FROM accounts WHERE balance > 900",
        "ALTER ROLE shop SET log_statement = 'none'",
        f"INSERT INTO {table} SELECT * FROM kept",
        "INSERT INTO accounts SELECT n, 1000 FROM generate_series(1, 200) n ON CONFLICT DO NOTHING",
        "DROP TABLE kept",
        "DROP ROLE sysmon",
        "ALTER ROLE reporting NOSUPERUSER",
        "ALTER ROLE shop RESET log_statement",
    )
    with postgres.admin() as connection:
        for act in acts:
            connection.execute(act)
            time.sleep(site.chance.uniform(0.1, 0.5))


DATABASE_USE_FAULTS: tuple[Fault, ...] = (
    Fault(
        "auth_failure",
        "postgres",
        "Someone guesses passwords of database roles",
        _guess_passwords,
        (
            says(
                "postgres",
                "password authentication failed",
                "DETAIL:  (Role|Connection matched|Password)",
                "no pg_hba.conf entry",
                "User .* has no password",
            ),
            r"^postgres\t\tConnection matched",
        ),
    ),
    Fault(
        "deadlock",
        "postgres",
        "Transactions lock each other's rows",
        _deadlock,
        (
            says(
                "postgres",
                "deadlock",
                r"Process \d+ waits",
                r"Process \d+: UPDATE",
                "still waiting",
                "See server log",
                "STATEMENT:  UPDATE accounts",
                "while (updating|locking) tuple",
                "Process holding the lock",
                "acquired ShareLock",
            ),
            r"^postgres\t\tProcess \d+",
        ),
    ),
    Fault(
        "lock_wait",
        "postgres",
        "A table stays locked; the shop's statements wait and are cancelled",
        _lock_table,
        (
            says(
                "postgres",
                "still waiting",
                "Process(es)? holding the lock",
                r"acquired \w+Lock",
                "statement timeout",
                "LOCK TABLE",
                r"STATEMENT:  SELECT (o\.)?id\b.*orders",
                r"waiting for \w+Lock",
            ),
            r"^postgres\t.*duration: \d{4,}\.\d+ ms",
            *_FALLOUT,
        ),
    ),
    Fault(
        "slow_query",
        "postgres",
        "Reports without an index run for seconds, some are cancelled",
        _run_slow_queries,
        (
            says(
                "postgres",
                "statement timeout",
                r"duration: \d{3,}\.\d+ ms  (statement|execute).*visits b",
                "STATEMENT:.*visits b",
            ),
        ),
    ),
    Fault(
        "connection_limit",
        "postgres",
        "A dashboard takes every connection",
        _take_all_connections,
        (says("postgres", "too many clients", "connection slots are reserved"), r"^postgres\t.*dashboard", *_FALLOUT),
    ),
    Fault(
        "schema_mismatch",
        "postgres",
        "A migration renames a column that the shop still uses",
        _rename_column,
        (
            says("postgres", "column .*does not exist", "RENAME COLUMN"),
            r"^postgres\t.*(STATEMENT|HINT):.*stock",
            *_FALLOUT,
        ),
    ),
    Fault(
        "privilege_abuse",
        "postgres",
        "An administrator's session makes superusers and empties tables; all of severity LOG",
        _abuse_privileges,
        (
            says(
                "postgres",
                "statement: (CREATE|ALTER|DROP) ROLE",
                "statement: (CREATE|DROP) TABLE",
                "statement: TRUNCATE",
                "statement: DELETE FROM accounts",
                "statement: INSERT INTO archive",
                "statement: INSERT INTO accounts SELECT",
            ),
        ),
    ),
)
