"""What a function stands on, opened at its first invocation: a cold start pays for what it uses."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from oddline.database import Database
from oddline.errors import NotConfigured
from oddline.identity import Issuer, fetching_from
from oddline.limits import UNLIMITED, Limiter, open_limiter
from oddline.metrics import OFF, Metrics, open_metrics
from oddline.objects import ObjectStore, open_objects
from oddline.redaction import RuleBook
from oddline.settings import Settings, Side, load_settings
from oddline.submissions import Intake
from oddline.tasks import Clock, Publisher, utc_now


@dataclass(frozen=True)
class Parts:
    """What handlers use. One per process, shared by its threads; `issuer` is None where people cannot sign in."""

    settings: Settings
    db: Database
    publisher: Publisher
    objects: ObjectStore
    clock: Clock = utc_now
    metrics: Metrics = OFF
    issuer: Issuer | None = None
    limiter: Limiter = UNLIMITED

    @cached_property
    def rule_book(self) -> RuleBook:
        """What is masked before it is stored."""
        return RuleBook(self.settings.cipher)

    @property
    def intake(self) -> Intake:
        """What stores entries that come in parts and not as a request."""
        return Intake(
            db=self.db,
            objects=self.objects,
            rule_book=self.rule_book,
            body_object_bytes=self.settings.body_object_bytes,
            metrics=self.metrics,
        )


class Opener:
    """Opens the parts once, whichever thread asks first."""

    def __init__(self, open_: Callable[[], Parts]) -> None:
        self._open = open_
        self._lock = threading.Lock()
        self._parts: Parts | None = None

    def __call__(self) -> Parts:
        """The parts.

        Raises:
            NotConfigured: a setting that they need is not set.
            SecretUnavailable: the secret that holds such settings cannot be read.
        """
        with self._lock:
            if self._parts is None:
                self._parts = self._open()
            return self._parts


def open_parts(side: Side) -> Parts:
    """The parts of a function that connects to the database as `side`, from the process's settings.

    Raises:
        NotConfigured, SecretUnavailable: as `Opener`.
    """
    settings = load_settings()
    settings.with_secret().database_url_for(side)  # what is missing is told here, not by a pool that waits for it
    db = Database(
        lambda: settings.with_secret().database_url_for(side),
        size=settings.database_pool_size,
        application=f"oddline-{side}",
    )
    return Parts(
        settings=settings,
        db=db,
        publisher=Publisher(
            lambda: settings.with_secret().redis_url,
            timeout_s=settings.publish_timeout,
            pause_s=settings.publish_pause,
        ),
        objects=open_objects(settings),
        metrics=open_metrics(settings),
        issuer=open_issuer(settings),
        limiter=open_limiter(settings, db),
    )


def open_issuer(settings: Settings) -> Issuer | None:
    """The issuer at which people sign in, if one is set.

    Raises:
        NotConfigured: it is not said which audience its tokens are to be for.
    """
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_audience:
        raise NotConfigured("ODDLINE_OIDC_ISSUER is set, and ODDLINE_OIDC_AUDIENCE is not")
    return Issuer(
        settings.oidc_issuer,
        audience=settings.oidc_audience,
        algorithms=settings.oidc_algorithms.split(","),
        fetch=fetching_from(settings.oidc_issuer, allowed=settings.outgoing_allowed),
    )
