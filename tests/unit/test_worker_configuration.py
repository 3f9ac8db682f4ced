"""The worker's settings against Celery's own code: what they are to bring about."""

import warnings
from types import SimpleNamespace

from celery import Celery
from celery.worker.consumer import Consumer
from celery.worker.state import active_requests
from kombu.common import QoS

from oddline.catalogue import CATALOGUE
from oddline.settings import Settings
from worker_image.worker.configuration import configure

PROCESSES = 4


class Request:
    """A message in work."""


def cut_off(consumer: Consumer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Celery tells of a setting that will be another one day
        consumer.on_connection_error_after_connected(ConnectionResetError())


def test_a_worker_that_was_cut_off_takes_as_many_messages_as_before_once_one_that_waited_for_its_time_runs() -> None:
    app = Celery("test", set_as_current=False)
    app.conf.update(configure(Settings(), CATALOGUE), broker_url="memory://")
    pool = SimpleNamespace(num_processes=PROCESSES, is_green=False)
    controller = SimpleNamespace(use_eventloop=False)
    consumer = Consumer(None, pool=pool, controller=controller, app=app, initial_prefetch_count=PROCESSES)
    consumer.connection = app.connection_for_read()
    running = [Request(), Request()]
    active_requests.update(running)

    cut_off(consumer)
    consumer.qos = QoS(lambda **_: None, consumer.initial_prefetch_count)
    consumer.qos.increment_eventually()  # a message that waits for its time
    for done in running:
        active_requests.discard(done)
        consumer._restore_prefetch_count_after_connection_restart(None)
    consumer.qos.decrement_eventually()  # its time has come

    assert consumer.qos.value == PROCESSES
