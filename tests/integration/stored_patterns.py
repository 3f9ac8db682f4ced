"""Patterns put into the database the way that scoring does it."""

from uuid import UUID

from scored_frames import NOON

from oddline.database import Database
from oddline.patterns import find_patterns, insert_patterns, pattern_hash


def add_patterns(db: Database, project: UUID, texts: list[str]) -> dict[str, int]:
    """Adds patterns to a project; their ids."""
    hashes = {pattern_hash(text): text for text in texts}
    with db.transaction() as tx:
        insert_patterns(tx, project, patterns=hashes, mask_version=1, now=NOON)
        found = find_patterns(tx, project, hashes=list(hashes), mask_version=1, model_version="none")
    return {one.pattern: one.id for one in found}
