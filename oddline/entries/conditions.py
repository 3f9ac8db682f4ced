"""What a query asks of each entry, as conditions on columns, and the words that an entry must have to meet them."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import orjson
import polars as pl

from oddline.chunks import required_hashes
from oddline.entries.model import HIGHEST_SEVERITY, EntryQuery
from oddline.errors import InvalidParameter

MOST_REGEX_MEMORY: Final = 1024 * 1024  # bytes of a program of RE2: what is larger is slow with any text
MOST_HASHES: Final = 8  # looked up in each filter
_BORDER: Final = r"[^0-9A-Za-z_\x{80}-\x{10FFFF}]"  # what is no part of a word: as in `oddline.chunks.words`
_WORD_SIGN: Final = re.compile(r"[0-9A-Za-z_\x80-\U0010ffff]")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_UNSPEAKABLE: Final = frozenset("\\'")  # in a name: JSONPath as polars reads it has no form for every such


def conditions(query: EntryQuery, source_ids: Sequence[int] | None) -> Iterator[pl.Expr]:
    """One for each thing that is asked, but for the time; the cheapest first."""
    if source_ids is not None:
        yield pl.col("source_id").is_in(list(source_ids))
    mask = query.severity_mask()
    if mask is not None:
        yield pl.col("severity_number").is_in([number for number in range(HIGHEST_SEVERITY + 1) if mask >> number & 1])
    if query.score_minimum is not None:
        yield pl.col("score") >= pl.lit(query.score_minimum, dtype=pl.Float32)
    if query.is_anomaly is not None:
        yield pl.col("is_anomaly") == query.is_anomaly
    if query.pattern_id is not None:
        yield pl.col("pattern_id") == query.pattern_id
    for name in ("trace_id", "span_id", "session"):
        if (wanted := getattr(query, name)) is not None:
            yield pl.col(name) == wanted
    if query.text is not None:
        yield pl.col("message").str.contains(f"(?i){pl.escape_regex(query.text)}")
    yield from (pl.col("message").str.contains(_as_whole(word)) for word in query.words)
    if query.regex is not None:
        yield pl.col("message").str.contains(query.regex)
    yield from (_has_attribute(name, value) for name, value in query.attributes)


def words_of(query: EntryQuery) -> tuple[int, ...]:
    """Hashes of words that stand in every entry that `query` asks for; of its longest texts, if many."""
    texts = [(text, True) for text in (*query.words, query.trace_id, query.span_id, query.session) if text is not None]
    texts += [(value, True) for _, value in query.attributes if _stands_as_written(value)]
    if query.text is not None:
        texts.append((query.text, False))
    texts.sort(key=lambda one: len(one[0]), reverse=True)
    hashes = [word for text, is_whole in texts for word in required_hashes(text, is_whole=is_whole)]
    return tuple(dict.fromkeys(hashes))[:MOST_HASHES]


def check_regex(expression: str) -> None:
    """See that an expression is one that takes linear time for any text.

    Raises:
        InvalidParameter: it is none, or too large.
    """
    import re2

    options = re2.Options()
    options.max_mem = MOST_REGEX_MEMORY
    options.log_errors = False
    try:
        re2.compile(expression, options)
        # Messages are searched by Rust's engine, which takes nearly the same syntax.
        pl.Series([""]).str.contains(expression)
    except (re2.error, pl.exceptions.PolarsError) as error:
        told: Any = error.args[0] if error.args else error
        detail = (told.decode(errors="replace") if isinstance(told, bytes) else str(told)).split("\n\n")[0]
        raise InvalidParameter(f"regex: {detail}", field="regex") from error


def _as_whole(word: str) -> str:
    """The expression of a text that neither begins nor ends within a word."""
    begin = f"(?:^|{_BORDER})" if _WORD_SIGN.match(word[0]) else ""
    end = f"(?:{_BORDER}|$)" if _WORD_SIGN.match(word[-1]) else ""
    return f"(?i){begin}{pl.escape_regex(word)}{end}"


def _has_attribute(name: str, value: str) -> pl.Expr:
    found = _is_at([name], value)
    steps = name.split(".")
    if len(steps) > 1 and all(steps):
        found = found.fill_null(False) | _is_at(steps, value)
    return found.fill_null(False)


def _is_at(steps: Sequence[str], value: str) -> pl.Expr:
    """Whether these steps lead to this value; false or null where they lead to another one, or nowhere."""
    text = pl.col("attributes")
    unspeakable = next((step for step in steps if not _UNSPEAKABLE.isdisjoint(step)), None)
    if unspeakable is None:
        path = "$" + "".join(f"['{step}']" for step in steps)
        return text.str.json_path_match(path) == value
    # Python looks, one text after the other: in those where the name as JSON writes it stands at all.
    may_be = text.str.contains(orjson.dumps(unspeakable).decode(), literal=True)
    look = partial(_look, steps=steps, value=value)
    return pl.when(may_be).then(text).map_batches(look, return_dtype=pl.Boolean(), is_elementwise=True)


def _look(texts: pl.Series, *, steps: Sequence[str], value: str) -> pl.Series:
    found = [text is not None and _written(orjson.loads(text), steps) == value for text in texts]
    return pl.Series(found, dtype=pl.Boolean())


def _written(found: Any, steps: Sequence[str]) -> str | None:
    """What the steps lead to, as JSON writes it, a string without its quotes."""
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    return found if found is None or isinstance(found, str) else orjson.dumps(found).decode()


def _stands_as_written(value: str) -> bool:
    """Whether an attribute of this value has its words in its JSON text: no escapes, and no number of another form."""
    if _NUMBER.fullmatch(value):
        return "." not in value and "e" not in value.lower()
    return not value.startswith(("{", "[")) and orjson.dumps(value)[1:-1] == value.encode("utf-8", "surrogatepass")
