"""Every task that Oddline knows, put together from what each context declares and what the settings say."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from oddline.analytics import tasks as analytics
from oddline.audit import tasks as audit
from oddline.chunks import tasks as chunks
from oddline.entries import tasks as entries
from oddline.files import tasks as files
from oddline.maintenance import tasks as maintenance
from oddline.notifications import tasks as notifications
from oddline.privacy import tasks as privacy
from oddline.schedules import tasks as schedules
from oddline.scoring import tasks as scoring
from oddline.search import tasks as search
from oddline.settings import Settings, load_settings
from oddline.streams import tasks as streams
from oddline.submissions import tasks as submissions
from oddline.tasks import Catalogue, Retry, TaskSpec


def as_set(specs: Iterable[TaskSpec], settings: Settings) -> Iterator[TaskSpec]:
    """The specs with what the settings say of limits, retries and results, where a spec has the settings' defaults.

    One that has limits of its own keeps them: its context knows why.
    """
    default = Settings.model_construct()
    limits = {
        (getattr(default, f"{kind}_soft_limit"), getattr(default, f"{kind}_hard_limit")): (
            getattr(settings, f"{kind}_soft_limit"),
            getattr(settings, f"{kind}_hard_limit"),
        )
        for kind in ("short", "file", "scan")
    }
    retry = Retry(attempts=settings.task_retries + 1, base=settings.task_retry_base)
    for spec in specs:
        own = (spec.soft_limit, spec.hard_limit)
        soft, hard = limits.get(own, own)
        yield replace(
            spec,
            soft_limit=soft,
            hard_limit=hard,
            retry=retry if spec.retry == Retry() else spec.retry,
            result_kept=settings.results_kept if spec.result_kept == default.results_kept else spec.result_kept,
        )


CATALOGUE = Catalogue(
    as_set(
        [
            *submissions.TASKS,
            *scoring.TASKS,
            *analytics.TASKS,
            *search.TASKS,
            *notifications.TASKS,
            *schedules.TASKS,
            *chunks.TASKS,
            *files.TASKS,
            *streams.TASKS,
            *entries.TASKS,
            *privacy.TASKS,
            *maintenance.TASKS,
            *audit.TASKS,
        ],
        load_settings(),
    )
)
