"""What the tests of erasure stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from erasing import context_of
from inbox import Databases, Inbox

from oddline.objects import FolderObjects
from oddline.tasks import Publisher, TaskContext


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path / "objects"))


@pytest.fixture
def context(inbox: Inbox, redis_url: str, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url)
    yield context_of(inbox, publisher, redis_url=redis_url, home=tmp_path)
    publisher.close()
