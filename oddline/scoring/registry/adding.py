"""Take a model into the registry: check that it opens and answers, then store its files under its version."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from oddline.audit import Action, Actor, record
from oddline.database import Database
from oddline.errors import Conflict, InvalidParameter, ModelUnavailable
from oddline.objects import ObjectStore
from oddline.scoring.encoder import Encoded, Encoder, severity
from oddline.scoring.registry import store
from oddline.scoring.registry.model import FILES, REQUIRED_FILES, StoredModel, is_version, object_key

# BERT-base in single precision has 440 MB; a worker process, which may hold two models, is replaced at 1.5 GB.
LARGEST_BYTES: Final = {
    "model.onnx": 500_000_000,
    "tokenizer.json": 50_000_000,
    "config.json": 1_000_000,
    "README.md": 1_000_000,
}
SAMPLES: Final = (
    "user <num> logged in from <ip>",
    "connection to <host> refused, giving up after <num> attempts",
    "kernel: out of memory: killed process <num>",
    "",
)
UNIT_LENGTH_ERROR: Final = 0.01


def add_model(
    folder: Path,
    *,
    db: Database,
    objects: ObjectStore,
    built_in: str,
    by: Actor,
    now: datetime,
    metrics: Mapping[str, Any] | None = None,
) -> StoredModel:
    """Store the model of a folder under the version that its config.json names, where it stays as it is for good.

    A model that is there already with the same files is left alone. `built_in` is the version of the model that comes
    with the installation; `metrics` is kept beside what config.json says of the training.

    Raises:
        InvalidParameter: a file is missing or too large, the version is no name, or the answers are no answers.
        ModelUnavailable: it cannot be opened.
        Conflict: another model has the version.
        DatabaseUnavailable, ObjectStoreUnavailable: no answer; the same call again goes on.
    """
    files = _read(folder)
    encoder = Encoder.load(folder)
    _check(encoder, folder=folder)
    config = json.loads(files["config.json"])
    checksum = hashlib.sha256(files["config.json"]).hexdigest()
    if encoder.version == built_in:
        raise Conflict(f"{built_in} is the model that comes with the installation: give this one another version")
    with db.transaction() as tx:
        store.reserve(
            tx,
            version=encoder.version,
            config_sha256=checksum,
            default_threshold=encoder.default_threshold,
            size=sum(map(len, files.values())),
            metrics={"training": config.get("training", {}), **(metrics or {})},
            added_by=by.name or by.id,
            now=now,
        )
        stored = store.find(tx, encoder.version)
    if stored is None or stored.config_sha256 != checksum:
        raise Conflict(f"another model has the version {encoder.version}, and models do not change")
    if stored.state != "adding":
        return stored
    return _store(files, stored, db=db, objects=objects, by=by, now=now)


def _store(
    files: Mapping[str, bytes], model: StoredModel, *, db: Database, objects: ObjectStore, by: Actor, now: datetime
) -> StoredModel:
    for name, body in files.items():
        objects.put(object_key(model, name), body)
    with db.transaction() as tx:
        if not store.set_state(tx, model.version, config_sha256=model.config_sha256, state="ready", error=None):
            raise Conflict(f"another model took the version {model.version} meanwhile: add this one again")
        subject, details = f"model:{model.version}", {"config_sha256": model.config_sha256}
        record(tx, project=None, by=by, action=Action.MODEL_ADDED, subject=subject, details=details, now=now)
        added = store.find(tx, model.version)
    if added is None:
        raise Conflict(f"the model {model.version} was taken away meanwhile")
    return added


def _read(folder: Path) -> dict[str, bytes]:
    files = {}
    for name in FILES:
        path = folder / name
        if not path.is_file():
            if name in REQUIRED_FILES:
                raise InvalidParameter(f"{folder} has no {name}", field="folder")
            continue
        if path.stat().st_size > LARGEST_BYTES[name]:
            raise InvalidParameter(f"{name} is larger than {LARGEST_BYTES[name]:,} bytes", field="folder")
        files[name] = path.read_bytes()
    return files


def _check(encoder: Encoder, *, folder: Path) -> None:
    if not is_version(encoder.version):
        raise InvalidParameter(f"{encoder.version!r} is no version: letters, digits, . _ and - only", field="version")
    figures = (encoder.default_threshold, encoder.novelty_scale)
    if not all(isinstance(one, int | float) and one > 0 for one in figures) or encoder.default_threshold > 1:
        raise InvalidParameter(f"{folder}: the threshold or the novelty scale makes no sense", field="folder")
    try:
        answers = encoder.encode(SAMPLES)
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise ModelUnavailable(f"the model does not read a sample line: {error}") from error
    for line, answer in zip(SAMPLES, answers, strict=True):
        if not _makes_sense(answer, dimension=encoder.dimension):
            raise InvalidParameter(f"what the model says of {line!r} makes no sense", field="folder")


def _makes_sense(answer: Encoded, *, dimension: int) -> bool:
    return (
        answer.embedding.shape == (dimension,)
        and abs(float(np.linalg.norm(answer.embedding)) - 1.0) < UNIT_LENGTH_ERROR
        and bool(np.isfinite(answer.shares).all())
        and 0.0 <= severity(answer.severity_logit) <= 1.0
    )
