"""Notifications in the worker."""

from collections.abc import Mapping

from oddline.notifications import SEND_ANOMALY_MAIL, SEND_EMAIL, send_anomaly_mail, send_email
from worker_image.worker.binding import Bound

BINDINGS: Mapping[str, Bound] = {
    SEND_EMAIL.name: lambda process: send_email,  # noqa: ARG005  # needs nothing of the process
    SEND_ANOMALY_MAIL.name: lambda process: send_anomaly_mail,  # noqa: ARG005
}
