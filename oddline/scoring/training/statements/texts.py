"""Format strings of any language as texts with named slots."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

PERCENT: Final = re.compile(
    r"%(?:\((\w+)\))?[#0 +-]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t|L)?([diouxXeEfFgGcrsap%])"
)
"""A %-field of Python: its name, its conversion."""
BRACES: Final = re.compile(r"\{([\w.\[\]]*)(?:![rsa])?(?::[^{}]*)?\}")
"""A field of Python's `str.format`, of Java's SLF4J and of MessageFormat: its name."""

_NAME: Final = re.compile(r"[^a-z0-9_]+")
_LONGEST_NAME: Final = 24
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*")
_SAYS_NOTHING: Final = {
    "tostring", "to_string", "c_str", "str", "string", "data", "get", "value", "valueof", "tojson", "stringify",
    "this", "self", "format", "join", "std", "tojsonstring", "printable", "chars", "inspect", "jsonstringify", "json",
    "red", "green", "blue", "yellow", "bold", "cyan", "magenta", "grey", "gray", "dim", "underline", "chalk",
    "clc", "await", "pc", "colors", "kleur", "picocolors", "picocolors_default", "message_default", "new", "typeof",
    "null", "true", "false", "undefined",
}  # fmt: skip
_GETTER: Final = re.compile(r"^(?:get_?|_+)(?=\w)|_+$")
_SAYS_FAULT: Final = {"strerror", "getmessage", "gai_strerror", "getlocalizedmessage", "m", "tlerror", "errmsg"}
_ESCAPE: Final = re.compile(r"\\(?:x1[bB]|033|u001[bB]|e)\[[\d;]*m|\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|[0-7]{1,3}|.)")
_SHOWN: Final = {"n": " ", "t": " ", "r": "", '"': '"', "'": "'", "\\": "\\", "`": "`", "$": "$", "/": "/", "0": ""}


def named(name: str) -> str:
    """A slot called by the last part of a dotted name."""
    return "{" + _NAME.sub("", name.rpartition(".")[2].lower())[:_LONGEST_NAME] + "}"


def slot_of(expression: str) -> str:
    """A slot named as an expression of a C-like language ends: `peer->name()` → {name}, `e.getMessage()` → {error}."""
    names = [name.lower() for name in _IDENTIFIER.findall(_without_arguments(expression))]
    if names and names[-1] in _SAYS_FAULT:
        return "{error}"
    told = [name for name in names if name not in _SAYS_NOTHING]
    if not told:
        inner = [name.lower() for name in _IDENTIFIER.findall(expression)]
        told = [name for name in inner if name not in _SAYS_NOTHING]
    last = _GETTER.sub("", told[-1]) if told else ""
    return named(last) if len(last) > 1 else "{error}" if last == "e" else "{}"


def _without_arguments(expression: str) -> str:
    kept, depth = [], 0
    for character in expression:
        depth -= character in ")]"
        if depth == 0 and character not in ")]":
            kept.append(" " if character in "([" else character)
        depth += character in "(["
    return "".join(kept)


def fill(text: str, values: Iterable[str], *, fields: re.Pattern[str], numeric: str = "diouxXeEfFgGU") -> str:
    """A format string with its fields replaced by the slots of `values` in turn.

    Args:
        text: the format string.
        values: slots; where they run out, a field becomes `{}`.
        fields: group 1 is the field's conversion; `%` stands for itself.
        numeric: conversions that become `{number}` whatever the value is called.
    """
    left: Iterator[str] = iter(values)

    def field(found: re.Match[str]) -> str:
        if found[1] == "%":
            return "%"
        name = next(left, "{}")
        return "{number}" if found[1] and found[1] in numeric else name

    return fields.sub(field, text)


def unescape(literal: str) -> str:
    """The text of a string literal between its quotes; blanks for line ends, nothing for colours."""
    return _ESCAPE.sub(lambda found: "" if found[1] is None else _SHOWN.get(found[1], "\0"), literal)
