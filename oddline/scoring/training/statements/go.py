"""Log statements and errors of Go: the standard logger, klog, zap, logrus, slog, go-kit and their like."""

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from oddline.scoring.training.statements import trees
from oddline.scoring.training.statements.model import METHODS, Statement, worth_keeping
from oddline.scoring.training.statements.texts import fill, named, slot_of, unescape

_CALLS: Final = "(call_expression function: (selector_expression)) @found"
_FIELD: Final = re.compile(r"%(?:\[\d+\])?[-+# 0]*(?:\d+|\*)?(?:\.(?:\d+|\*)?)?([vTtbcdoOqxXUeEfFgGspw%])")
_METHOD: Final = re.compile(r"([A-Z][a-z]+?)(f|ln|w|S|x|Context|Depth|fDepth|SDepth|Ctx|Contextf|fCtx)?")
_LEVELS: Final = {name.capitalize(): level for name, level in METHODS.items()} | {"Print": "info", "Log": "info"}
_LOGGER: Final = re.compile(
    r"(?:^|[.(_])(?:\w*[lL]ogger|[a-z]*[lL]og|glog|klog|zlog|logrus|sugar|slog|lg|bklog|l|zap)\b"
)
_NOT_LOGGER: Final = re.compile(r"(?:^|\.)(?:dialog|catalog|blog|changelog|t|b)$")
_RAISED: Final = re.compile(
    r"(?:errors|xerrors|pkgerrors|errs|eris)\.(New|Errorf|Wrapf?|WithMessagef?|NewError)|fmt\.(Errorf)|status\.(Errorf?)|"
    r"(?:errdefs|cerrdefs|field)\.(\w+)"
)
_TOLD: Final = re.compile(r"\[(DEBUG|TRACE|INFO|WARN|ERR|ERROR|FATAL)\]:? *")  # `log.Printf("[WARN] ...")`
_MOST_PAIRS: Final = 3
_MOST_VALUES: Final = 4
_KEY: Final = re.compile(r"[\w.-]+")


def from_source(source: str) -> Iterator[Statement]:
    """The log statements and the texts of made errors of a Go file."""
    for call in trees.matching(source, language="go", query=_CALLS):
        found = _raised(call) or _logged(call)
        if found is not None and worth_keeping(found.text):
            yield found


def _raised(call: Node) -> Statement | None:
    if not _RAISED.fullmatch(trees.field(call, "function")):
        return None
    text = _said(trees.arguments(call), style="f")
    return None if text is None else Statement(level="raise", text=text)


def _logged(call: Node) -> Statement | None:
    function = call.child_by_field_name("function")
    if function is None:
        return None
    operand, name = trees.field(function, "operand"), _METHOD.fullmatch(trees.field(function, "field"))
    level = _LEVELS.get(name[1]) if name else None
    if name is None or level is None or not _logs(operand):
        return None
    if name[1] == "Log":
        kit = re.search(r"level\.(\w+)\(", operand)
        level = _LEVELS.get(kit[1]) if kit else None
        if level is None:
            return None
    if level == "info" and re.search(r"\.V\(\s*([4-9]|\d\d)\s*\)$", operand):
        level = "debug"
    text = _said(trees.arguments(call), style=name[2] or "")
    if text is None:
        return None
    told = _TOLD.match(text)
    return Statement(level=METHODS[told[1].lower()], text=text[told.end() :]) if told else Statement(level, text)


def _logs(operand: str) -> bool:
    return bool(_LOGGER.search(operand) or operand.startswith("level.")) and not _NOT_LOGGER.search(operand)


def _said(given: list[Node], *, style: str) -> str | None:
    for place, node in enumerate(given):
        text = _text(node)
        rest = given[place + 1 :]
        is_sentence = text is not None and (" " in text.strip() or (rest and text.endswith(" ")))
        if text is None or not is_sentence:
            continue
        if "f" in style or _FIELD.search(text):
            text = fill(text, [slot_of(trees.text_of(value)) for value in rest], fields=_FIELD)
            return None if "%" in text.replace("% ", "").rstrip("%") else text
        if style == "ln":
            return " ".join([text, *(slot_of(trees.text_of(value)) for value in rest)])
        return _with_blank(text, _pairs(rest))
    return None


def _with_blank(text: str, values: str) -> str:
    """A value beside a word is the map of a structured logger, which stands apart."""
    return f"{text} {values}" if values.startswith("{") and text[-1].isalnum() else text + values


def _pairs(rest: list[Node]) -> str:
    """What a structured logger writes after its text: `key={key}`; for a plain logger, the values."""
    keys = [_key(node) for node in rest]
    if rest and all(trees.text_of(node).startswith("zap.") for node in rest):
        found = [key for key in keys if key]
    elif len(rest) % 2 == 0 and all(keys[::2]):
        found = [key for key in keys[::2] if key]
    else:
        parts = [_text(node) or slot_of(trees.text_of(node)) for node in rest[:_MOST_VALUES]]
        return "".join(parts)
    return "".join(f" {key}={named(key)}" for key in found[:_MOST_PAIRS])


def _key(node: Node) -> str | None:
    """The key of a pair: a plain literal, or the first argument of `zap.String("key", value)`."""
    if node.type == "call_expression":
        given = trees.arguments(node)
        return _key(given[0]) if given and trees.field(node, "function").startswith("zap.") else None
    text = _text(node)
    return text if text is not None and _KEY.fullmatch(text) else None


def _text(node: Node) -> str | None:
    match node.type:
        case "interpreted_string_literal":
            return unescape(trees.text_of(node)[1:-1])
        case "raw_string_literal":
            return trees.text_of(node)[1:-1]
        case "binary_expression":
            return trees.together(trees.sides(node), text=_text)
        case "call_expression" if trees.field(node, "function") == "fmt.Sprintf":
            return _said(trees.arguments(node), style="f")
    return None
