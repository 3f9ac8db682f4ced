"""Notifications in the worker."""

from collections.abc import Mapping

from oddline.notifications import (
    SEND_ANOMALY_MAIL,
    SEND_EMAIL,
    send_anomaly_mail,
    send_email,
    send_system_alert,
)
from oddline.tasks import SEND_SYSTEM_ALERT
from worker_image.worker.binding import Bound

BINDINGS: Mapping[str, Bound] = {
    SEND_EMAIL.name: lambda process: send_email,  # noqa: ARG005  # needs nothing of the process
    SEND_ANOMALY_MAIL.name: lambda process: send_anomaly_mail,  # noqa: ARG005
    SEND_SYSTEM_ALERT.name: lambda process: send_system_alert,  # noqa: ARG005
}
