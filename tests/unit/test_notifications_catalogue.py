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
    assert {spec.priority for spec in catalogue.values()} == {Priority.HIGH}


def test_an_alert_to_operators_stands_in_no_line_of_mails() -> None:
    assert {spec.name: spec.queue for spec in TASKS} == {
        "send_email": Queue.NOTIFICATIONS,
        "send_anomaly_mail": Queue.NOTIFICATIONS,
        "send_system_alert": Queue.DEFAULT,
    }


def test_a_function_that_knows_the_tasks_and_objects_loads_no_sdk() -> None:
    code = "import sys, oddline.objects, oddline.notifications.tasks; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"boto3", "botocore", "smtplib", "numpy", "polars"} & set(loaded)
