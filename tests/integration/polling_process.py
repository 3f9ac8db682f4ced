"""Poll a connection once, in a process of its own that can be killed: `polling_process.py PROJECT CONNECTION TASK`."""

import sys
from pathlib import Path
from uuid import UUID

from oddline.catalogue import CATALOGUE
from oddline.database import Database
from oddline.objects import FolderObjects
from oddline.settings import load_settings
from oddline.streams import OfConnection, poll_cloud_logs
from oddline.tasks import Publisher, TaskContext

if __name__ == "__main__":
    settings = load_settings()
    project, connection, task = map(UUID, sys.argv[1:])
    context = TaskContext(
        db=Database(settings.database_url, application="polling_process"),
        objects=FolderObjects(Path(settings.home)),
        publisher=Publisher(settings.redis_url),
        settings=settings,
        catalogue=CATALOGUE,
        worker="killed:1",
        task_id=task,
    )
    poll_cloud_logs(OfConnection(project=project, connection=connection), context)
