"""The notifications' tasks as functions see them: urgent, tried a few times, and light to import."""

import subprocess
import sys

from oddline.notifications import TASKS
from oddline.tasks import Catalogue, Priority, Queue


def test_mails_are_urgent_and_tried_several_times() -> None:
    catalogue = Catalogue(TASKS)

    assert {name: spec.retry.attempts for name, spec in catalogue.items()} == {
        "send_email": 4,
        "send_anomaly_mail": 4,
        "send_system_alert": 8,
    }
    for spec in catalogue.values():
        assert (spec.queue, spec.priority) == (Queue.NOTIFICATIONS, Priority.HIGH)


def test_a_function_that_knows_the_tasks_and_objects_loads_no_sdk() -> None:
    code = "import sys, oddline.objects, oddline.notifications.tasks; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"boto3", "botocore", "smtplib", "numpy", "polars"} & set(loaded)
