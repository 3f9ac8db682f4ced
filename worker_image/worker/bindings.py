"""The code of every task, put together from what each context of the worker binds."""

from collections.abc import Mapping

from oddline.tasks import OnFailure
from worker_image.worker import analytics, files, maintenance, notifications, scoring, searching, streams
from worker_image.worker.binding import Bound

BINDINGS: dict[str, Bound] = {
    **scoring.BINDINGS,
    **analytics.BINDINGS,
    **files.BINDINGS,
    **streams.BINDINGS,
    **searching.BINDINGS,
    **notifications.BINDINGS,
    **maintenance.BINDINGS,
}
ON_FAILURE: Mapping[str, OnFailure] = {**files.ON_FAILURE, **maintenance.ON_FAILURE}
