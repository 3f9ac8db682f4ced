"""Look at every part that Oddline stands on, and tell how it is."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oddline.database import Database
from oddline.maintenance import store
from oddline.maintenance.store import HealthCheck
from oddline.objects import ObjectStore
from oddline.scoring.registry import failing_models
from oddline.settings import Settings
from oddline.tasks import WORKER_SEEN, count_workers, forget_workers

log = logging.getLogger(__name__)

LOOKED_LATELY = timedelta(minutes=5)  # five runs of health_check
WORKER_FORGOTTEN = timedelta(days=1)
WAITING_TOO_LONG = timedelta(minutes=5)  # a backlog this old means that scoring does not keep up, or is dead
OPEN_TOO_LONG = timedelta(seconds=45)  # a transaction: it was seen by two looks, a minute apart
REDIS_TIMEOUT_S = 2


@dataclass(frozen=True, slots=True)
class Health:
    """How Oddline is: what `GET /api/v1/monitoring/health` tells."""

    healthy: bool
    message: str
    workers: int
    checks: tuple[HealthCheck, ...]

    def view(self) -> dict[str, Any]:
        """As the API tells it; `last_scan` is when the parts were last looked at."""
        looked = [check.checked_at for check in self.checks]
        return {
            "status": "healthy" if self.healthy else "unhealthy",
            "message": self.message,
            "workers": self.workers,
            "last_scan": None,
            "checked_at": max(looked) if looked else None,
            "parts": {check.part: {"healthy": check.healthy, "detail": check.detail} for check in self.checks},
        }


def check_health(db: Database, *, objects: ObjectStore, settings: Settings, now: datetime) -> Health:
    """Look at Redis, the object store, the workers and the backlog, and remember what was seen."""
    looks: dict[str, Callable[[], str]] = {
        "redis": lambda: _look_at_redis(settings),
        "objects": lambda: _look_at_objects(objects),
        "backlog": lambda: _look_at_backlog(db, now=now),
        "model": lambda: _look_at_models(db),
        "transactions": lambda: _look_at_transactions(db, now=now),
    }
    checks = [_look(part, look, now=now) for part, look in looks.items()]
    with db.transaction() as tx:
        for check in checks:
            store.write_check(tx, check)
        forget_workers(tx, before=now - WORKER_FORGOTTEN)
    return read_health(db, now=now)


def read_health(db: Database, *, now: datetime) -> Health:
    """What the last look saw, with the workers as they are now.

    Raises:
        DatabaseUnavailable: the database itself does not answer.
    """
    with db.transaction() as tx:
        checks = tuple(store.read_checks(tx))
        workers = count_workers(tx, since=now - WORKER_SEEN)
    looked_at = max((check.checked_at for check in checks), default=now)
    detail = f"{workers} seen lately" if workers else "none was seen lately"
    checks = (*checks, HealthCheck(part="workers", healthy=workers > 0, detail=detail, checked_at=now))
    ill = [f"{check.part}: {check.detail}" for check in checks if not check.healthy]
    if now - looked_at > LOOKED_LATELY:
        ill.append("schedules: nobody has looked at the parts lately")
    return Health(healthy=not ill, message="; ".join(ill) or "all parts answer", workers=workers, checks=checks)


def _look(part: str, look: Callable[[], str], *, now: datetime) -> HealthCheck:
    try:
        return HealthCheck(part=part, healthy=True, detail=look(), checked_at=now)
    except Exception as error:  # whatever is wrong with a part is the finding
        is_finding = isinstance(error, LookupError)
        log.warning("%s: %s", part, error, exc_info=None if is_finding else error)
        # Anybody may ask for health: what a driver says of hosts and users stays in the log.
        detail = str(error) if is_finding else f"does not answer ({type(error).__name__})"
        return HealthCheck(part=part, healthy=False, detail=detail, checked_at=now)


def _look_at_redis(settings: Settings) -> str:
    import redis  # late: the console reads what was found, and never looks itself

    with redis.Redis.from_url(
        settings.redis_url, socket_connect_timeout=REDIS_TIMEOUT_S, socket_timeout=REDIS_TIMEOUT_S
    ) as client:
        client.ping()
    return "answers"


def _look_at_objects(objects: ObjectStore) -> str:
    next(iter(objects.list("health/")), None)
    return "answers"


def _look_at_backlog(db: Database, *, now: datetime) -> str:
    with db.transaction() as tx:
        age = store.unscored(tx).age(now)
    if age > WAITING_TOO_LONG:
        raise LookupError(f"the oldest submission has waited for {int(age.total_seconds())} s")
    return f"the oldest submission has waited for {int(age.total_seconds())} s"


def _look_at_models(db: Database) -> str:
    """Why one cannot be opened, `oddline model show` tells."""
    with db.transaction() as tx:
        failing = failing_models(tx)
    if failing:
        raise LookupError(f"cannot be opened, so another one scores: {', '.join(one.version for one in failing)}")
    return "the chosen one can be opened"


def _look_at_transactions(db: Database, *, now: datetime) -> str:
    with db.transaction() as tx:
        age = store.oldest_transaction_age(tx, now=now)
    if age > OPEN_TOO_LONG:
        raise LookupError(
            f"the oldest has been open for {int(age.total_seconds())} s: it holds up everybody who reads what is new"
        )
    return "none stays open"
