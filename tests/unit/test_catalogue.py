"""The catalogue binds functions and worker: what one side names the other has, and the times are those of the table."""

from datetime import timedelta

import pytest
from celery import Celery

from functions.schedules.app import HANDLERS, IN_FUNCTION
from oddline.catalogue import CATALOGUE, as_set
from oddline.maintenance import CLEANUP_OLD_RESULTS
from oddline.notifications import SEND_EMAIL
from oddline.settings import Settings
from oddline.submissions import SCORE_WAITING
from oddline.tasks import Catalogue, Queue
from worker_image.worker.binding import bind_all
from worker_image.worker.bindings import BINDINGS
from worker_image.worker.configuration import VISIBILITY_TIMEOUT, configure

# SPEC J, as far as it is built; I13, which it does not name, and what they need.
TABLE_J = {
    "reconcile": "rate(1 minute)",
    "health_check": "rate(1 minute)",
    "publish_metrics": "rate(1 minute)",
    "seal_audit": "rate(1 minute)",
    "check_task_patterns": "rate(5 minutes)",
    "watch_schedules": "rate(1 minute)",
    "compact_chunks": "rate(5 minutes)",
    "update_analytics": "rate(5 minutes)",
    "update_all_project_analytics": "rate(1 hour)",
    "cleanup_old_files": "rate(1 hour)",
    "cleanup_temp_files": "rate(1 hour)",
    "poll_all_connections": "rate(1 minute)",  # and once more half a minute later
    "create_partitions": "cron(30 0 * * ? *)",
    "cleanup_expired_api_keys": "cron(30 2 * * ? *)",
    "cleanup_old_logs": "cron(0 2 * * ? *)",
    "cleanup_old_results": "cron(30 3 * * ? *)",
    "renew_encryption": "cron(45 3 * * ? *)",
}


def test_settings_change_limits_retries_and_results_of_tasks_without_their_own() -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        task_retries=5,
        short_soft_limit=timedelta(seconds=10),
        short_hard_limit=timedelta(seconds=20),
        scan_hard_limit=timedelta(seconds=2_000),
        results_kept=timedelta(hours=1),
    )

    changed = Catalogue(as_set([SEND_EMAIL, CLEANUP_OLD_RESULTS, SCORE_WAITING], settings))

    mail, cleaning, scoring_ = changed["send_email"], changed["cleanup_old_results"], changed["score_waiting"]
    assert (mail.retry.attempts, mail.soft_limit.seconds, mail.hard_limit.seconds) == (6, 10, 20)
    assert (cleaning.soft_limit.seconds, cleaning.hard_limit.seconds) == (1_500, 2_000)
    assert (scoring_.retry, scoring_.hard_limit) == (SCORE_WAITING.retry, SCORE_WAITING.hard_limit)
    assert {spec.result_kept for spec in changed.values()} == {timedelta(hours=1)}


def test_every_task_of_the_worker_has_code_and_all_code_has_a_task() -> None:
    assert sorted(BINDINGS) == sorted(name for name, spec in CATALOGUE.items() if not spec.in_function)


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


def test_the_worker_holds_each_task_to_its_own_limits() -> None:
    app = Celery("test", set_as_current=False)
    bind_all(app, CATALOGUE, BINDINGS, process=lambda: pytest.fail("nothing is run"))

    bound = {name: (app.tasks[name].soft_time_limit, app.tasks[name].time_limit) for name in BINDINGS}

    assert bound == {
        name: (CATALOGUE[name].soft_limit.total_seconds(), CATALOGUE[name].hard_limit.total_seconds())
        for name in BINDINGS
    }
    assert all(0 < soft < hard for soft, hard in bound.values())


def test_no_retry_waits_longer_than_its_cap() -> None:
    for spec in CATALOGUE.values():
        ceilings = [spec.retry.ceiling(attempt) for attempt in range(1, spec.retry.attempts)]

        assert ceilings == sorted(ceilings)
        assert all(ceiling <= spec.retry.cap for ceiling in ceilings)


def test_the_alert_of_a_critical_task_is_none_itself_and_so_raises_no_other() -> None:
    critical = {name for name, spec in CATALOGUE.items() if spec.critical}

    assert critical == {"compact_chunks", "cleanup_old_logs", "cleanup_old_results", "erase_person"}
