"""A project's entries, stored as scoring stores them."""

from pathlib import Path
from uuid import UUID

import pytest
from inbox import Databases
from stored_entries import Archive


@pytest.fixture
def archive(db: Databases, project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)
