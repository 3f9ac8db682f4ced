"""Tell people: messages to channels, each delivery remembered."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.notifications.channels.email.mime import is_address
    from oddline.notifications.model import AnomalyLine, Message, Receipt
    from oddline.notifications.service import send_anomaly_mail, send_email, send_system_alert
    from oddline.notifications.store import renew_deliveries
    from oddline.notifications.tasks import SEND_ANOMALY_MAIL, SEND_EMAIL, TASKS, AnomalyMail, EmailPayload

__getattr__ = face(
    __name__,
    {
        "channels.email.mime": ("is_address",),
        "model": ("AnomalyLine", "Message", "Receipt"),
        "service": ("send_anomaly_mail", "send_email", "send_system_alert"),
        "store": ("renew_deliveries",),
        "tasks": ("SEND_ANOMALY_MAIL", "SEND_EMAIL", "TASKS", "AnomalyMail", "EmailPayload"),
    },
)

__all__ = [
    "SEND_ANOMALY_MAIL",
    "SEND_EMAIL",
    "TASKS",
    "AnomalyLine",
    "AnomalyMail",
    "EmailPayload",
    "Message",
    "Receipt",
    "is_address",
    "renew_deliveries",
    "send_anomaly_mail",
    "send_email",
    "send_system_alert",
]
