"""What the registry keeps of a model, which one scores, and how that came about."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

FILES: Final = ("model.onnx", "tokenizer.json", "config.json", "README.md")
"""A model's files; the last, its card, may be missing."""

REQUIRED_FILES: Final = FILES[:3]

State = Literal["adding", "ready", "failing"]
Action = Literal["promote", "rollback", "shadow"]

_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A model in the registry.

    Attributes:
        config_sha256: of its config.json, which holds those of its other files.
        default_threshold: on its scores, for a source without one of its own.
        bytes: of all its files together.
        state: "adding" until all its files are stored; "failing" when a worker last failed to open it, "ready" else.
        error: why it failed.
    """

    version: str
    config_sha256: str
    default_threshold: float
    bytes: int
    metrics: Mapping[str, Any] = field(default_factory=dict)
    state: State
    error: str | None = None
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """Which model scores (`live`; None: the one that comes with the installation), and which is tried beside it."""

    live: str | None
    shadow: str | None
    shadow_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the choice; `undone` is set on a promotion that was rolled back."""

    action: Action
    before: str | None
    after: str | None
    undone: bool
    changed_by: str
    changed_at: datetime


def is_version(name: object) -> bool:
    """Whether a model can be called so: the name is a folder, an object's key and a column's value."""
    return isinstance(name, str) and _VERSION.fullmatch(name) is not None


def object_key(model: StoredModel, file: str) -> str:
    """Where the object store has a file of a model: apart from those of another that was half added as this version."""
    return f"models/{model.version}/{model.config_sha256[:16]}/{file}"
