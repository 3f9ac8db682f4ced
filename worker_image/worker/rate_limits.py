"""Have this worker keep to the rate limits that operators have set, from its start and as they change."""

import logging
from collections.abc import Mapping

import psycopg
from celery import Celery

from oddline.database import Database
from oddline.errors import DatabaseUnavailable
from oddline.fleet import limits
from oddline.tasks import Catalogue
from oddline.tasks.broker import UNREACHABLE, open_producer

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0


class RateLimits:
    """The limits of one worker: Celery's main process keeps to them, and a child tells it when they change.

    A child that is forked later has those that hold at that moment.
    """

    def __init__(self, app: Celery, catalogue: Catalogue, *, redis_url: str) -> None:
        self._app = app
        self._catalogue = catalogue
        self._redis_url = redis_url
        self._node = ""

    def begin(self, node: str, *, database_url: str) -> None:
        """In the main process, before it takes anything: begin with the limits that hold now.

        A database that does not answer is no reason not to start: the first child that reaches it tells.
        """
        self._node = node
        db = Database(database_url, size=1, application="worker limits")
        try:
            with db.transaction() as tx:
                wanted = {one.task: one.rate for one in limits(tx)}
        except (DatabaseUnavailable, psycopg.Error) as error:
            log.warning("the rate limits cannot be read: %s", error)
        else:
            for task, rate in self._differing(wanted).items():
                self._app.tasks[task].rate_limit = rate
        finally:
            db.close()

    def follow(self, wanted: Mapping[str, str]) -> None:
        """In a child: tell the main process what has changed, over Redis; what is not taken is told again later."""
        differing = self._differing(wanted)
        if not (differing and self._node):
            return
        try:
            producer = open_producer(self._redis_url, timeout_s=TIMEOUT_S)
            try:
                for task, rate in differing.items():
                    self._app.control.rate_limit(
                        task, rate, destination=[self._node], connection=producer.connection, channel=producer.channel
                    )
                    self._app.tasks[task].rate_limit = rate
            finally:
                producer.connection.close()
        except UNREACHABLE as error:
            log.warning("a rate limit cannot be told: %s", type(error).__name__)

    def _differing(self, wanted: Mapping[str, str]) -> dict[str, str | None]:
        """What is to be changed; the catalogue says what holds where nothing is wished."""
        wished = {name: wanted.get(name, spec.rate_limit) for name, spec in self._catalogue.items()}
        return {
            name: rate
            for name, rate in wished.items()
            if name in self._app.tasks and self._app.tasks[name].rate_limit != rate
        }
