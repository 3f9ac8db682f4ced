"""Which models a worker process scores with: looked up every minute, opened beside the old ones, then swapped."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from oddline.database import Database
from oddline.errors import DatabaseUnavailable, ModelUnavailable, OddlineError
from oddline.scoring.encoder import Encoder
from oddline.scoring.registry import store
from oddline.scoring.registry.fetching import ModelCache
from oddline.scoring.registry.model import Choice, State, StoredModel

log = logging.getLogger(__name__)

LOOK_EVERY: Final = timedelta(seconds=60)  # as old as a worker's view of anything else may be


class ModelSwitch:
    """The live model of one process, and the one that is tried beside it.

    A model that cannot be opened changes nothing: what scored before goes on, at first the one that comes with the
    installation; the registry and the log say so, and the next look tries again. Make one after any fork.

    Args:
        built_in: folder of the model that comes with the installation.
    """

    def __init__(
        self, *, db: Database, cache: ModelCache, built_in: Path, threads: int, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._cache = cache
        self._built_in = built_in
        self._threads = threads
        self._clock = clock
        self._looked_at: datetime | None = None
        self._live: tuple[str | None, Encoder] | None = None
        self._shadow: tuple[str, Encoder] | None = None

    @property
    def live(self) -> Encoder:
        """The model to score with.

        Raises:
            ModelUnavailable: there is none, not even the one that comes with the installation.
        """
        if self._live is None:
            self._live = (None, Encoder.load(self._built_in, threads=self._threads))
        return self._live[1]

    @property
    def shadow(self) -> Encoder | None:
        """The model to try beside the live one."""
        return None if self._shadow is None else self._shadow[1]

    def look(self) -> None:
        """Change over to what is chosen now, if the last look was over a minute ago; never raises for want of it."""
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at < LOOK_EVERY:
            return
        try:
            with self._db.transaction() as tx:
                choice = store.read_choice(tx)
                found = {name: store.find(tx, name) for name in (choice.live, choice.shadow) if name is not None}
        except DatabaseUnavailable as error:
            log.warning("which model is chosen cannot be looked up: %s", error)
            return
        self._looked_at = now
        self._follow(choice, {name: model for name, model in found.items() if model is not None})

    def open(self, version: str) -> Encoder:
        """Any model: the one in use of that version, the one that comes with the installation, or one of the registry.

        Raises:
            ModelUnavailable: it cannot be opened, or there is none.
            DatabaseUnavailable, ObjectStoreUnavailable: no answer.
        """
        in_use = [one[1] for one in (self._live, self._shadow) if one is not None]
        for encoder in in_use:
            if encoder.version == version:
                return encoder
        with self._db.transaction() as tx:
            model = store.find(tx, version)
        if model is not None and model.state != "adding":
            return self._cache.open(model)
        built_in = Encoder.load(self._built_in, threads=self._threads)
        if built_in.version != version:
            raise ModelUnavailable(f"there is no model {version!r}")
        return built_in

    def _follow(self, choice: Choice, models: dict[str, StoredModel]) -> None:
        if self._live is None or self._live[0] != choice.live:
            self._change_live(choice.live, models)
        if choice.shadow is None:
            self._shadow = None
        elif self._shadow is None or self._shadow[0] != choice.shadow:
            encoder = self._open_chosen(models[choice.shadow])
            self._shadow = None if encoder is None else (choice.shadow, encoder)

    def _change_live(self, version: str | None, models: dict[str, StoredModel]) -> None:
        if version is None:
            try:
                encoder: Encoder | None = Encoder.load(self._built_in, threads=self._threads)
            except ModelUnavailable as error:
                log.warning("the model that comes with the installation cannot be opened: %s", error)
                return
        else:
            encoder = self._open_chosen(models[version])
        if encoder is not None:
            before = "none" if self._live is None else self._live[1].version
            self._live = (version, encoder)
            log.info("model %s is live in this process (before: %s)", encoder.version, before)

    def _open_chosen(self, model: StoredModel) -> Encoder | None:
        try:
            encoder = self._cache.open(model)
        except OddlineError as error:
            log.warning("model %s cannot be opened, the one before goes on: %s", model.version, error)
            self._report(model, "failing", error=str(error))
            return None
        if model.state != "ready":
            self._report(model, "ready", error=None)
        return encoder

    def _report(self, model: StoredModel, state: State, *, error: str | None) -> None:
        """Tell the registry; that it cannot be told is in the log, and the next look tells it."""
        try:
            with self._db.transaction() as tx:
                store.set_state(tx, model.version, config_sha256=model.config_sha256, state=state, error=error)
        except DatabaseUnavailable as unavailable:
            log.warning("the registry cannot be told that model %s is %s: %s", model.version, state, unavailable)
