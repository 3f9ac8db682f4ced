"""A worker like Oddline's, bound to faulty tasks: `celery --app faulty_worker worker`."""

import os
import socket
from functools import cache

from celery import Celery
from faulty_tasks import CATALOGUE, RUNS

from oddline.database import Database
from oddline.objects import open_objects
from oddline.settings import load_settings
from oddline.tasks import Publisher, TaskContext
from worker_image.worker.binding import bind_all
from worker_image.worker.configuration import configure
from worker_image.worker.process import Process, end_process, open_models
from worker_image.worker.watch import Watch


@cache
def this_process() -> Process:
    """What the child holds; first asked for after the fork."""
    settings, host = load_settings(), socket.gethostname()
    context = TaskContext(
        db=Database(settings.database_url_for("worker"), size=3),
        objects=open_objects(settings),
        publisher=Publisher(settings.redis_url),
        settings=settings,
        catalogue=CATALOGUE,
        worker=f"{host}:{os.getpid()}",
        end_process=end_process,
    )
    watch = Watch(context, host=host, worker=f"{host}:{os.getppid()}")
    return Process(context=context, models=open_models(context), _watch=watch)


app = Celery("faulty", set_as_current=False)
app.conf.update(configure(load_settings(), CATALOGUE))
bind_all(app, CATALOGUE, {name: lambda _, run=run: run for name, run in RUNS.items()}, this_process)
