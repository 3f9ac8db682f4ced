"""Every task that Oddline knows, put together from what each context declares."""

from oddline.audit import tasks as audit
from oddline.chunks import tasks as chunks
from oddline.maintenance import tasks as maintenance
from oddline.notifications import tasks as notifications
from oddline.schedules import tasks as schedules
from oddline.scoring import tasks as scoring
from oddline.submissions import tasks as submissions
from oddline.tasks import Catalogue

CATALOGUE = Catalogue(
    [
        *submissions.TASKS,
        *scoring.TASKS,
        *notifications.TASKS,
        *schedules.TASKS,
        *chunks.TASKS,
        *maintenance.TASKS,
        *audit.TASKS,
    ]
)
