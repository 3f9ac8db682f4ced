"""Make training lines of statements and handwritten lines: values filled in, masked as in serving, with a target."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from oddline.patterns import Masker
from oddline.scoring.training.handwritten import Line
from oddline.scoring.training.statements import Statement

# How bad a level is taken to be, and how much that is believed: authors agree about errors, less about the rest.
TARGETS: Final = {
    "debug": (0.05, 0.4),
    "info": (0.05, 1.0),
    "warning": (0.55, 0.5),
    "error": (0.92, 1.0),
    "critical": (0.95, 1.0),
    "raise": (0.85, 0.4),
}
SHARES: Final = {"debug": 0.15, "info": 0.25, "warning": 0.15, "error": 0.3, "critical": 0.05, "raise": 0.1}
"""Of the statements of a pass. By their number, debug and raised exceptions would be half: what tells least."""
LEAST: Final = 0.05
"""Severity of a routine line, and what a bad one lacks of 1: the larger the logits, the more int8 would change them."""
HANDWRITTEN_WEIGHT: Final = 2.0  # Written to be right, where levels are whatever their authors thought.
_NEIGHBOURS: Final = 4

_SLOT: Final = re.compile(r"\{(\w*)\}")
_FIRST_MATCH: Final = tuple(
    (re.compile(rf"(?:^|_)(?:{names})s?\d?(?:$|_)"), kind)
    for names, kind in (
        ("e|ex|exc|exception|err|error|reason|failure|traceback|detail", "fault"),
        ("path|file|filename|dir|directory|folder|root|device|dev|mount\\w*", "path"),
        ("url|uri|endpoint|href|link", "url"),
        ("host|hostname|node|server|peer|broker|addr|address|ip|cidr|gateway", "host"),
        ("uuid|guid|id|ident|identifier|key|token|hash|digest|sha\\w*|req\\w*", "id"),
        ("number|num|count|n|total|len|port|pid|version|offset|index|code|status|attempts?|retries|max|min", "number"),
        ("time|timeout|seconds|secs?|elapsed|duration|delay|interval|ttl|age|size|bytes|length|memory", "number"),
    )
)
_FAULTS: Final = (
    "connection refused",
    "timed out",
    "[Errno 2] No such file or directory",
    "permission denied",
    "not found",
    "invalid value",
    "out of memory",
    "Connection reset by peer",
    "unexpected end of file",
    "'NoneType' object has no attribute",
)
_WORDS: Final = (
    *("main", "default", "worker", "orders", "alpha", "node-3", "eth0", "web-1", "admin", "backup", "primary", "users"),
    *("job", "image", "volume", "table", "events", "service", "api", "queue", "public", "network", "test", "group"),
)
_TAGS: Final = (
    "app:",
    "[main]",
    "worker-3:",
    "[12]",
    "kernel:",
    "<daemon>",
    "core",
    "service[812]:",
    "com.example.App:",
)
_TAG_SHARE: Final = 0.15  # Real lines often open with who speaks; it says nothing of how bad they are.


@dataclass(frozen=True, slots=True)
class Example:
    """A masked line with the severity that it should get (0..1), and how much that counts."""

    pattern: str
    target: float
    weight: float


def from_statements(statements: Sequence[Statement], *, masker: Masker, rng: random.Random) -> list[Example]:
    """One example of each statement, with values drawn for its slots."""
    lines = [_tagged(_filled(statement, rng=rng), rng=rng) for statement in statements]
    patterns = masker.mask_many(lines)
    return [
        Example(pattern, *TARGETS[statement.level]) for pattern, statement in zip(patterns, statements, strict=True)
    ]


def from_handwritten(lines: Sequence[Line], *, masker: Masker, rng: random.Random) -> list[Example]:
    """One example of each handwritten line."""
    patterns = masker.mask_many([_tagged(line.text, rng=rng) for line in lines])
    return [
        Example(pattern, LEAST + (1.0 - 2.0 * LEAST) * line.severity, HANDWRITTEN_WEIGHT)
        for pattern, line in zip(patterns, lines, strict=True)
    ]


def mixed(
    statements: Sequence[Statement], lines: Sequence[Line], *, masker: Masker, rng: random.Random
) -> list[Example]:
    """One pass: every handwritten line, in the order of its file, and as many statements, drawn anew and by length."""
    drawn = sorted(_drawn(statements, count=len(lines), rng=rng), key=lambda one: len(one.text))
    return from_handwritten(lines, masker=masker, rng=rng) + from_statements(drawn, masker=masker, rng=rng)


def _drawn(statements: Sequence[Statement], *, count: int, rng: random.Random) -> list[Statement]:
    """About `count` statements, each once, the levels in their SHARES."""
    of_level = {level: [one for one in statements if one.level == level] for level in SHARES}
    return [
        one
        for level, share in SHARES.items()
        for one in rng.sample(of_level[level], k=min(round(share * count), len(of_level[level])))
    ]


def batches(examples: Sequence[Example], *, size: int, rng: random.Random) -> Iterator[list[Example]]:
    """One pass over examples in batches of about equal length in characters, in random order.

    Neighbours stay together, so that lines of a contrast pair meet in one batch.
    """
    blocks = [examples[start : start + _NEIGHBOURS] for start in range(0, len(examples), _NEIGHBOURS)]
    blocks.sort(key=lambda block: max(len(example.pattern) for example in block) + rng.uniform(0, 15))
    at_once = size // _NEIGHBOURS
    starts = list(range(0, len(blocks), at_once))
    rng.shuffle(starts)
    for start in starts:
        yield [example for block in blocks[start : start + at_once] for example in block]


def _tagged(text: str, *, rng: random.Random) -> str:
    return f"{rng.choice(_TAGS)} {text}" if rng.random() < _TAG_SHARE else text


def _filled(statement: Statement, *, rng: random.Random) -> str:
    return _SLOT.sub(lambda found: _value(found[1], level=statement.level, rng=rng), statement.text)


def _value(name: str, *, level: str, rng: random.Random) -> str:
    kind = next((kind for expression, kind in _FIRST_MATCH if expression.search(name)), "any")
    word, number = rng.choice(_WORDS), rng.randrange(2, 99_999)
    if kind == "fault":  # Routine lines rarely carry a fault, whatever the name.
        return word if level in {"debug", "info"} else rng.choice(_FAULTS)
    could_be = {
        "path": (f"/var/lib/{word}/{number}", f"/etc/{word}.conf"),
        "url": (f"http://10.0.0.{number % 250}/{word}",),
        "host": (f"10.1.{number % 250}.7", f"host-{number}.example.com", word),
        "id": (f"{rng.getrandbits(64):016x}", str(number), word),
        "number": (str(number),),
        "any": (str(number), word, f"'{word}'"),
    }
    return rng.choice(could_be[kind])
