"""Keep models of the registry in a folder of this machine, each fetched once however many processes want it."""

import hashlib
import shutil
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

from oddline.errors import ModelUnavailable, ObjectMissing
from oddline.objects import ObjectStore
from oddline.scoring.encoder import Encoder
from oddline.scoring.registry.model import REQUIRED_FILES, StoredModel, object_key

KEPT: Final = 4  # models in the folder: live, shadow, the one before, and the one that a replay needs
UNFINISHED_AFTER_S: Final = 3_600  # a folder being filled for longer belongs to a process that died
_INCOMING: Final = ".incoming-"


class ModelCache:
    """Models in a folder, safe for several processes.

    Args:
        folder: is made when the first model is fetched.
        threads: that each model computes on.
    """

    def __init__(self, folder: Path, *, objects: ObjectStore, threads: int) -> None:
        self._folder = folder
        self._objects = objects
        self._threads = threads

    def open(self, model: StoredModel) -> Encoder:
        """The model, ready to read lines; fetched if it is not here, or damaged.

        Raises:
            ModelUnavailable: a file is missing, is not the one that was added, or cannot be opened.
            ObjectStoreUnavailable: no answer.
        """
        place = self._folder / f"{model.version}-{model.config_sha256[:16]}"
        if place.is_dir():
            try:
                return self._load(place, model)
            except ModelUnavailable:
                self._remove(place)
        self._fetch(model, place)
        return self._load(place, model)

    def _load(self, place: Path, model: StoredModel) -> Encoder:
        try:
            config = (place / "config.json").read_bytes()
        except OSError as error:
            raise ModelUnavailable(f"model {model.version}: {error.strerror}: {error.filename}") from error
        if hashlib.sha256(config).hexdigest() != model.config_sha256:
            raise ModelUnavailable(f"model {model.version}: config.json is not the one that was added")
        return Encoder.load(place, threads=self._threads)

    def _fetch(self, model: StoredModel, place: Path) -> None:
        incoming = self._folder / f"{_INCOMING}{uuid4().hex}"
        try:
            incoming.mkdir(parents=True)
            for name in REQUIRED_FILES:
                (incoming / name).write_bytes(self._objects.get(object_key(model, name)))
            self._move(incoming, place)
        except ObjectMissing as error:
            raise ModelUnavailable(f"model {model.version}: {error}") from error
        except OSError as error:
            raise ModelUnavailable(f"model {model.version} cannot be kept here: {error}") from error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)  # what was moved is not there any more
        self._keep_few(place)

    def _move(self, incoming: Path, place: Path) -> None:
        """Put a folder in its place, unless another process was faster."""
        try:
            incoming.rename(place)
        except OSError:
            if not place.is_dir():
                raise

    def _remove(self, place: Path) -> None:
        """Take a folder away at once: a process that looks meanwhile sees all of it, or nothing."""
        aside = self._folder / f"{_INCOMING}{uuid4().hex}"
        try:
            place.rename(aside)
        except OSError as error:
            if place.is_dir():
                raise ModelUnavailable(f"a damaged model cannot be removed: {error}") from error
        shutil.rmtree(aside, ignore_errors=True)

    def _keep_few(self, newest: Path) -> None:
        """Remove what was fetched longest ago; who still needs it fetches it again."""
        others = sorted((place for place in self._folder.iterdir() if place != newest), key=_fetched_at, reverse=True)
        finished = [place for place in others if not place.name.startswith(_INCOMING)]
        for place in finished[KEPT - 1 :]:
            self._remove(place)
        for place in set(others) - set(finished):
            if _fetched_at(place) < time.time() - UNFINISHED_AFTER_S:
                shutil.rmtree(place, ignore_errors=True)  # its owner, or a third process, may do the same


def _fetched_at(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except FileNotFoundError:  # another process removed it
        return 0.0
