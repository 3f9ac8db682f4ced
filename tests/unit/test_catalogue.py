"""The catalogue binds functions and worker: what one side names the other has, and the times are those of the table."""

from functions.schedules.app import HANDLERS, IN_FUNCTION
from oddline.catalogue import CATALOGUE
from oddline.settings import Settings
from oddline.tasks import Queue
from worker_image.worker import maintenance, notifications, scoring
from worker_image.worker.configuration import VISIBILITY_TIMEOUT, configure

# SPEC J, as far as it is built.
TABLE_J = {
    "reconcile": "rate(1 minute)",
    "health_check": "rate(1 minute)",
    "publish_metrics": "rate(1 minute)",
    "seal_audit": "rate(1 minute)",
    "compact_chunks": "rate(5 minutes)",
    "create_partitions": "cron(30 0 * * ? *)",
    "cleanup_old_logs": "cron(0 2 * * ? *)",
    "cleanup_old_results": "cron(30 3 * * ? *)",
}


def test_every_task_of_the_worker_has_code_and_all_code_has_a_task() -> None:
    bound = [*scoring.BINDINGS, *notifications.BINDINGS, *maintenance.BINDINGS]

    assert sorted(bound) == sorted(name for name, spec in CATALOGUE.items() if not spec.in_function)


def test_every_task_of_the_schedules_function_has_code_and_all_code_has_a_task() -> None:
    assert IN_FUNCTION.keys() == {name for name, spec in CATALOGUE.items() if spec.in_function}


def test_what_runs_in_the_schedules_function_is_scheduled() -> None:
    assert all(spec.schedule for spec in CATALOGUE.values() if spec.in_function)


def test_the_schedules_are_those_of_the_specification() -> None:
    scheduled = {spec.name: schedule.expression for spec, schedule in CATALOGUE.scheduled()}

    assert scheduled == TABLE_J
    assert HANDLERS.keys() == TABLE_J.keys()


def test_no_task_runs_longer_than_its_message_stays_invisible() -> None:
    assert max(spec.hard_limit for spec in CATALOGUE.values()) < VISIBILITY_TIMEOUT


def test_the_worker_serves_every_queue() -> None:
    configuration = configure(Settings(), CATALOGUE)

    served = [queue.name for queue in configuration["task_queues"]]

    assert sorted(served) == sorted(Queue)


def test_every_task_says_why_running_it_twice_does_no_harm() -> None:
    assert [spec.name for spec in CATALOGUE.values() if len(spec.idempotency.split()) < 3] == []
