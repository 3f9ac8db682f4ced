"""Where chains end, kept where somebody with the database alone cannot change it: one object a head, never replaced."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from oddline.errors import CorruptBody
from oddline.objects import ObjectStore, open_objects
from oddline.settings import Settings

ROOT: Final = "audit"
HEADS, CUTS = "heads", "cuts"
NUMBER_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Kept:
    """What the object store holds of a project's chain: hashes by number, several where somebody wrote another one."""

    heads: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    cuts: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    @property
    def last(self) -> int:
        """The number of the last head."""
        return max(self.heads, default=0)


def open_heads(settings: Settings) -> ObjectStore:
    """The store of heads: a bucket of their own where one is set, else where all objects are.

    Raises:
        NotConfigured: as `open_objects`.
    """
    url = settings.audit_url or settings.objects_url
    return open_objects(settings.model_copy(update={"objects_url": url}))


def put_head(objects: ObjectStore, project: UUID, *, number: int, digest: bytes, now: datetime) -> None:
    """Keep where a chain ends; number and hash stand in the key, so that a list tells all of it."""
    _put(objects, HEADS, project, number=number, digest=digest, now=now)


def put_cut(objects: ObjectStore, project: UUID, *, number: int, digest: bytes, now: datetime) -> None:
    """Keep that a chain is cut off up to a number: what lies before is gone by retention."""
    _put(objects, CUTS, project, number=number, digest=digest, now=now)


def list_kept(objects: ObjectStore, *, project: UUID | None = None) -> dict[UUID, Kept]:
    """What is kept of the chains of one project, or of all.

    Raises:
        CorruptBody: there is something else among it.
    """
    kept: dict[UUID, Kept] = defaultdict(Kept)
    for of, kind, number, digest in _listed(objects, f"{ROOT}/{project}/" if project is not None else f"{ROOT}/"):
        (kept[of].heads if kind == HEADS else kept[of].cuts)[number].add(digest)
    return kept


def _put(objects: ObjectStore, kind: str, project: UUID, *, number: int, digest: bytes, now: datetime) -> None:
    said = {"project": str(project), "number": number, "hash": digest.hex(), "at": now}
    key = f"{ROOT}/{project}/{kind}/{number:0{NUMBER_DIGITS}}-{digest.hex()}"
    objects.put(key, orjson.dumps(said, option=orjson.OPT_UTC_Z))


def _listed(objects: ObjectStore, prefix: str) -> Iterator[tuple[UUID, str, int, bytes]]:
    for found in objects.list(prefix):
        try:
            _, project, kind, name = found.key.split("/")
            number, _, digest = name.partition("-")
            yield UUID(project), kind, int(number), bytes.fromhex(digest)
        except ValueError as error:
            raise CorruptBody(f"the object {found.key} is not one of the audit trail") from error
