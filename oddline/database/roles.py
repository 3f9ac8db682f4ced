"""The database roles: one for each side, so that each can do only what it must."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

ROLES = ("oddline_ingest", "oddline_console", "oddline_search", "oddline_worker")


def provision_roles(connection: psycopg.Connection, *, passwords: Mapping[str, str]) -> None:
    """Make each of `ROLES` able to log in with its password, creating it where it is missing.

    The owner becomes a member of the worker's role, because it hands the partitioned tables over to it.
    """
    for role in ROLES:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        # The server, whose log may quote the statement, gets to know what checks the password and not what it is.
        verifier = connection.pgconn.encrypt_password(
            passwords[role].encode(), role.encode(), b"scram-sha-256"
        ).decode()
        verb = sql.SQL("ALTER") if exists else sql.SQL("CREATE")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), sql.Literal(verifier))
        )
    connection.execute("GRANT oddline_worker TO CURRENT_USER")
