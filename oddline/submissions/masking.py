"""Mask what is sensitive in entries that are taken, column by column."""

from collections.abc import Callable, Sequence
from functools import partial

from oddline.redaction import Masked, Redaction
from oddline.submissions.model import Columns

Redact = Callable[[Sequence[str]], Masked]


def mask_columns(columns: Columns, redaction: Redaction) -> None:
    """Mask in every text of the entries; most attributes and sources come many times, and are looked at once."""
    for redactor, places in redaction.rules.by_source(columns.sources):
        redact = partial(redactor.redact, budget=redaction.budget)
        redaction.masked += _replace(columns.messages, places, redact)
        in_json = partial(redactor.redact_json, budget=redaction.budget)
        redaction.masked += _replace_alike(columns.attributes, places, in_json)
        redaction.masked += _replace_alike(columns.sources, places, redact)
        redaction.masked += _replace_alike(columns.sessions, places, _without(redact))


def _replace(values: list[str], places: Sequence[int], redact: Redact) -> int:
    whole = len(places) == len(values)
    changed, count = redact(values if whole else [values[place] for place in places])
    for number, text in changed.items():
        values[places[number]] = text
    return count


def _replace_alike(values: list[str], places: Sequence[int], redact: Redact) -> int:
    """As `_replace`, and counted as often; a value that comes many times is looked at once."""
    whole = len(places) == len(values)
    different = list(set(values if whole else [values[place] for place in places]) - {""})
    changed, _ = redact(different)
    if not changed:
        return 0
    now = {different[number]: text for number, text in changed.items()}
    hit = [place for place in places if values[place] in now]
    for place in hit:
        values[place] = now[values[place]]
    return len(hit)


def _without(redact: Redact) -> Redact:
    """Leaves nothing of what would be masked."""

    def emptied(texts: Sequence[str]) -> Masked:
        changed, count = redact(texts)
        return dict.fromkeys(changed, ""), count

    return emptied
