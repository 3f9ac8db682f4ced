"""What the tests of the audit trail stand on."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from trail import Trail

from oddline.database import Database
from oddline.objects import FolderObjects
from oddline.settings import Side


@pytest.fixture
def trail(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Trail:
    """The trail of a fresh project, in which nothing was done."""
    return Trail(db, FolderObjects(tmp_path / "heads"), project)
