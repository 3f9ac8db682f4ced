"""What one worker process holds: connections and the model, made after the fork.

A model session made before the fork hangs in the child, and connections cannot be shared between processes.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oddline.catalogue import CATALOGUE
from oddline.database import Database
from oddline.errors import Unavailable
from oddline.metrics import open_metrics
from oddline.objects import open_objects
from oddline.patterns import Masker
from oddline.scoring import Memories, Scorer
from oddline.scoring.registry import ModelCache, ModelSwitch, Shadow
from oddline.search import Embedder
from oddline.settings import load_settings
from oddline.tasks import Publisher, TaskContext, WorkerClass, utc_now
from oddline.tracing import Tracer, open_sampling_tracer
from worker_image.worker.pulse import Pulse
from worker_image.worker.watch import Watch

log = logging.getLogger(__name__)

STARTED_AT = utc_now()  # of the main process: its children have it from the fork
CONNECTIONS = 3  # the task's own, its heartbeat's and the watch's


@dataclass(slots=True)
class Process:
    """This process's resources; a model is loaded when the first task needs it."""

    context: TaskContext
    models: ModelSwitch
    _watch: Watch
    tracer: Tracer | None = None
    _scorer: Scorer | None = None
    _embedder: Embedder | None = None
    _asked_at: dict[str, float] = field(default_factory=dict)
    _rests_until: dict[str, float] = field(default_factory=dict)

    @property
    def scorer(self) -> Scorer:
        """The model that is live now, with its memories, and the one that is tried beside it.

        Ask before each claim: a model that was promoted meanwhile comes with the answer, and the old one is let go.

        Raises:
            ModelUnavailable: none can be loaded now.
        """
        self.models.look()
        live, shadow = self.models.live, self.models.shadow
        days = self.context.settings.known_after_days
        if self._scorer is None:
            self._scorer = Scorer(encoder=live, masker=Masker(), memories=Memories(live, known_after_days=days))
        elif self._scorer.encoder is not live:
            self._scorer.change_to(live)
        beside = self._scorer.shadow
        if shadow is None:
            self._scorer.shadow = None
        elif beside is None or beside.encoder is not shadow:
            self._scorer.shadow = Shadow(shadow, known_after_days=days)
        return self._scorer

    @property
    def embedder(self) -> Embedder:
        """What gives patterns their vectors; opened when the first task needs it.

        Raises:
            ModelUnavailable: it cannot be loaded.
        """
        if self._embedder is None:
            self._embedder = Embedder.load(threads=self.context.settings.threads)
        return self._embedder

    @property
    def pulse(self) -> Pulse:
        """Where this process notes that it does tasks."""
        return self._watch.pulse

    def begin(self) -> None:
        """Begin to watch, and load the model; one that cannot be loaded is tried again by each task that needs it."""
        self._watch.start()
        try:
            _ = self.scorer
        except Unavailable as error:
            log.warning("the model cannot be loaded: %s", error)

    def close(self) -> None:
        """Stop watching and close the connections."""
        self._watch.stop()
        self.context.db.close()
        self.context.publisher.close()

    def is_due(self, task: str, *, every_s: float) -> bool:
        """Whether this process asked for a task longer ago than `every_s` seconds; notes the asking."""
        due = time.monotonic() - self._asked_at.get(task, -every_s) >= every_s
        if due:
            self._asked_at[task] = time.monotonic()
        return due

    def rest(self, task: str, *, for_s: float) -> None:
        """Leave a task to other processes for so many seconds."""
        self._rests_until[task] = time.monotonic() + for_s

    def rests(self, task: str) -> bool:
        """Whether this process leaves a task to others now."""
        return time.monotonic() < self._rests_until.get(task, 0.0)


def host_name() -> str:
    """A name for the space that this process's id belongs to: containers may share a host name, but no process ids."""
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}/{space.stat().st_ino if space.exists() else 0}"


def end_process() -> None:
    """End this child at once; the worker's main process makes another."""
    os.kill(os.getpid(), signal.SIGKILL)


def open_models(context: TaskContext) -> ModelSwitch:
    """The models that this process scores with; none is loaded yet."""
    settings = context.settings
    return ModelSwitch(
        db=context.db,
        cache=ModelCache(settings.home / "models", objects=context.objects, threads=settings.threads),
        built_in=settings.model_folder,
        threads=settings.threads,
        clock=context.clock,
    )


def open_process(
    classes: Collection[WorkerClass], *, follow_limits: Callable[[Mapping[str, str]], None] = lambda _: None
) -> Process:
    """Make this process's resources; its worker serves the queues of these classes, and can be told its limits."""
    settings, host = load_settings(), host_name()
    context = TaskContext(
        db=Database(
            settings.database_url_for("worker"), size=CONNECTIONS, prepare=True, application=f"worker {os.getpid()}"
        ),
        objects=open_objects(settings),
        publisher=Publisher(settings.redis_url, timeout_s=settings.publish_timeout, pause_s=settings.publish_pause),
        settings=settings,
        catalogue=CATALOGUE,
        worker=f"{host}:{os.getpid()}",  # whose claims these are; the watch reads it again
        metrics=open_metrics(settings),
        end_process=end_process,
    )
    return Process(
        context=context,
        models=open_models(context),
        tracer=open_sampling_tracer("Oddline worker", settings=settings),
        _watch=Watch(
            context,
            host=host,
            worker=f"{host}:{os.getppid()}",
            classes=classes,
            started_at=STARTED_AT,
            follow_limits=follow_limits,
        ),
    )
