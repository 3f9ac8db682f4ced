"""Mask the sensitive parts of many texts at once: what holds nothing of the kind must cost next to nothing."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import cache, cached_property
from itertools import accumulate
from typing import Any, Final

import orjson

from oddline.errors import InvalidParameter
from oddline.redaction.budget import TEXT_MARKS, Budget, Looked
from oddline.redaction.kinds import EXPRESSIONS, SENSITIVE_NAME, SUSPECTS
from oddline.redaction.model import ERASED, ErasedValues, Kind, OwnRule, mark
from oddline.redaction.spellings import spellings

MOST_MEMORY: Final = 8 * 1024 * 1024  # of one compiled expression of RE2: thousands of erased values fit
_MARKS: Final = "<masked:"
LONGEST_VALUE: Final = 1_000  # characters of a value that is erased
WHOLE: Final = "masked"  # the one attribute that is left of what is masked whole

Masked = tuple[dict[int, str], int]
"""The texts that change, by their place, as they are then; and how many marks were set."""


class Redactor:
    """Masks what some rules name. Safe to share between threads.

    Args:
        kinds: names of kinds; those that are unknown here are left aside.
        own: a project's own rules, whose expressions are valid.
        erased: values that nothing may hold.
    """

    def __init__(
        self, kinds: Iterable[str], *, own: Sequence[OwnRule] = (), erased: Sequence[ErasedValues] = ()
    ) -> None:
        wanted = set(kinds)
        self._kinds = [kind for kind in Kind if kind in wanted]
        self._own = tuple(own)
        self._erased = tuple(erased)

    def check(self) -> None:
        """See whether what is to be erased can be looked for at all.

        Raises:
            InvalidParameter: it is too much.
        """
        import re2

        try:
            _ = self._suspicious, self._erased_expression
        except re2.error as error:
            raise InvalidParameter("with what is erased already these are too many values", field="values") from error

    def redact(self, texts: Sequence[str], *, budget: Budget | None = None) -> Masked:
        """Mask in plain texts; what own rules cannot look through within the budget is masked whole."""
        budget = budget or Budget()
        return self._redact(texts, lambda text: self._text(text, budget), budget=budget)

    def redact_json(self, documents: Sequence[str], *, budget: Budget | None = None) -> Masked:
        """Mask in texts that are JSON objects: what a secret's name names, too, whatever it looks like."""
        budget = budget or Budget()

        def masked(document: str) -> tuple[str, int]:
            marks_before = budget.marks
            tree, count = self._tree(orjson.loads(document), budget)
            if self._own and (budget.is_spent or marks_before - budget.marks > TEXT_MARKS):
                tree = {WHOLE: mark(self._own[0].name)}
            return (orjson.dumps(tree).decode(), count) if count else (document, 0)

        return self._redact(documents, masked, budget=budget)

    def redact_text(self, text: str, *, budget: Budget | None = None) -> str:
        """One text as it is stored."""
        return self.redact([text], budget=budget)[0].get(0, text)

    def erase(self, text: str) -> str:
        """A text without erased values, and nothing else masked."""
        return self._without_erased(text)[0]

    def _redact(self, texts: Sequence[str], mask: Callable[[str], tuple[str, int]], *, budget: Budget) -> Masked:
        changed, count = {}, 0
        if self._own or self._erased:
            budget.begin()
        for place in range(len(texts)) if self._own else self._suspects(texts):
            text, marks = mask(texts[place])
            if marks:
                changed[place] = text
                count += marks
        if self._own or self._erased:
            budget.settle()
        return changed, count

    def _suspects(self, texts: Sequence[str]) -> Iterator[int]:
        """The places of texts that may hold something."""
        if not (self._kinds or self._erased):
            return
        together = "\n".join(texts)
        blob = together.encode("utf-8", "surrogatepass")
        search, found = self._suspicious.search, self._suspicious.search(blob)
        if found is None:
            return
        is_ascii = len(blob) == len(together)
        sized: Iterable[Sized] = texts if is_ascii else (text.encode("utf-8", "surrogatepass") for text in texts)
        lengths = list(accumulate(map(len, sized)))

        def end(place: int) -> int:
            return lengths[place] + place + 1  # with the line breaks between them

        while found is not None:
            # What begins with the line break before a text is in that text.
            place = bisect_right(range(len(texts)), found.start() + 1, key=end)
            yield place
            found = search(blob, end(place) - 1) if end(place) < len(blob) else None

    def _text(self, text: str, budget: Budget) -> tuple[str, int]:
        count = 0
        if (self._kinds or self._erased) and self._suspicious.search(text.encode("utf-8", "surrogatepass")) is not None:
            text, count = self._by_kind(text, budget)
        for looked in self._own_expressions:
            text, marks = budget.masked(text, looked)
            count += marks
        return text, count

    def _by_kind(self, text: str, budget: Budget) -> tuple[str, int]:
        if self._erased and budget.seconds <= 0:
            return ERASED, 1
        text, count = self._without_erased(text)
        budget.step(count * LONGEST_VALUE)  # at each of them, as much is read as the longest one has
        encoded = text.encode("utf-8", "surrogatepass")  # which RE2 would do again for each kind
        for kind in self._kinds:
            if _suspect(kind).search(encoded) is None:
                continue
            for expression, replace in EXPRESSIONS[kind]:
                before = text.count(_MARKS)
                text = expression.sub(replace, text)
                count += text.count(_MARKS) - before
        return text, count

    def _without_erased(self, text: str) -> tuple[str, int]:
        if not self._erased:
            return text, 0
        erased, count = self._erased_expression.subn(ERASED, text)
        return str(erased), int(count)

    def _tree(self, value: Any, budget: Budget) -> tuple[Any, int]:
        """A JSON value with what is sensitive masked, and how many marks were set."""
        if isinstance(value, dict):
            return self._object(value, budget)
        if isinstance(value, list):
            items = [self._tree(inner, budget) for inner in value]
            return [item for item, _ in items], sum(marks for _, marks in items)
        if isinstance(value, bool | None):
            return value, 0
        text, count = self._text(value if isinstance(value, str) else str(value), budget)
        return (text, count) if count else (value, 0)

    def _object(self, value: dict[str, Any], budget: Budget) -> tuple[dict[str, Any], int]:
        pairs, count = {}, 0
        for name, inner in value.items():
            shown, in_name = self._text(name, budget)
            is_secret = Kind.PASSWORD in self._kinds and SENSITIVE_NAME.search(name) is not None
            pairs[shown], marks = _hidden(inner) if is_secret else self._tree(inner, budget)
            count += in_name + marks
        return pairs, count

    @cached_property
    def _suspicious(self) -> Any:
        """One automaton for all that is looked for."""
        return compiled("|".join([*(SUSPECTS[kind] for kind in self._kinds), *self._erased_parts]))

    @cached_property
    def _own_expressions(self) -> list[Looked]:
        return [Looked(rule.name, compiled(rule.expression)) for rule in self._own]

    @cached_property
    def _erased_expression(self) -> Any:
        return compiled("|".join(self._erased_parts))

    @cached_property
    def _erased_parts(self) -> list[str]:
        """The longest first, so that nothing is left of a value that another one begins."""
        parts = {part for one in self._erased for value in one.values for part in _parts(value, one.ignore_case)}
        return sorted(parts, key=lambda part: (-len(part), part))


def compiled(expression: str) -> Any:
    """An expression in RE2, which takes linear time for any text: a tenant's own runs where everybody's logs come in.

    Raises:
        re2.error: it is none, or too large.
    """
    import re2

    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    return re2.compile(expression, options)


@cache
def _suspect(kind: Kind) -> Any:
    return compiled(SUSPECTS[kind])


def _parts(value: str, ignore_case: bool) -> Iterator[str]:
    from re2 import escape

    for spelling in spellings(value):
        yield f"(?i:{escape(spelling)})" if ignore_case else escape(spelling)


def _hidden(value: Any) -> tuple[Any, int]:
    """A secret's value: each text and number in it is a mark."""
    if isinstance(value, dict):
        pairs = {name: _hidden(inner) for name, inner in value.items()}
        return {name: inner for name, (inner, _) in pairs.items()}, sum(count for _, count in pairs.values())
    if isinstance(value, list):
        items = [_hidden(inner) for inner in value]
        return [item for item, _ in items], sum(count for _, count in items)
    if isinstance(value, bool | None) or value == "":
        return value, 0
    return mark(Kind.PASSWORD), 1
