"""`oddline up` with proxies before its servers, and with an API and a worker that have places to break at."""

import os
from urllib.parse import urlsplit, urlunsplit

from oddline.cli import main
from oddline.cli import stack as commands
from oddline.local.supervisor import Supervisor

POSTGRES_PORT, VALKEY_PORT = "CHAOS_POSTGRES_PORT", "CHAOS_VALKEY_PORT"


class BreakableSupervisor(Supervisor):
    """Tells its programs the proxies' addresses."""

    api_app = "breakable_api:app"
    worker_app = "breakable_worker"

    def _addresses(self) -> tuple[str, str]:
        postgres, valkey = super()._addresses()
        return at_port(postgres, os.environ[POSTGRES_PORT]), at_port(valkey, os.environ[VALKEY_PORT])


def at_port(url: str, port: int | str) -> str:
    """The same address at another port."""
    address = urlsplit(url)
    return urlunsplit(address._replace(netloc=f"{address.netloc.rpartition(':')[0]}:{port}"))


if __name__ == "__main__":
    commands.Supervisor = BreakableSupervisor  # type: ignore[misc]
    main()
