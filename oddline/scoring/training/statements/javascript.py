"""Log statements and errors of JavaScript and TypeScript: console, pino, winston, bunyan and their like."""

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from oddline.scoring.training.statements import trees
from oddline.scoring.training.statements.model import METHODS, Statement, worth_keeping
from oddline.scoring.training.statements.texts import fill, slot_of, unescape

_CALLS: Final = "[(call_expression) (new_expression)] @found"
_FIELD: Final = re.compile(r"%([sdifjoOcep%])")
_LOGGER: Final = re.compile(
    r"(?:.*[.(])?_?(?:console|\w*logger_?\d?|log\d?|\w*[a-z]Log|winston|pino|npmlog|getLogger|loggingService|logService|signale)(?:\(.*\))?",
    re.IGNORECASE | re.DOTALL,
)
_NOT_LOGGER: Final = re.compile(r"(?:dialog|catalog|blog|backlog|changelog)\w*$", re.IGNORECASE)
_LEVELS: Final = METHODS | {"log": "info", "http": "info"}
_ERROR: Final = re.compile(r"(?:\w+\.)*(\w*(?:Error|Exception))")
_MOST_VALUES: Final = 2
_LEFT: Final = re.compile(r"%[sdjoOep]\b")


def from_source(source: str) -> Iterator[Statement]:
    """The log statements, and the texts of made errors, of a JavaScript file."""
    yield from _read(source, language="javascript")


def from_typescript(source: str) -> Iterator[Statement]:
    """As `from_source`, of a TypeScript file."""
    yield from _read(source, language="typescript")


def _read(source: str, *, language: str) -> Iterator[Statement]:
    for node in trees.matching(source, language=language, query=_CALLS):
        found = _raised(node) if node.type == "new_expression" else _logged(node)
        if found is not None and not _LEFT.search(found.text) and worth_keeping(found.text):
            yield found


def _raised(node: Node) -> Statement | None:
    name = _ERROR.fullmatch(trees.field(node, "constructor"))
    text = _said(trees.arguments(node)[:2], values=False) if name else None
    return None if name is None or text is None else Statement(level="raise", text=f"{name[1]}: {text}")


def _logged(call: Node) -> Statement | None:
    function, given = call.child_by_field_name("function"), trees.arguments(call)
    if function is None or not given:
        return None
    if function.type == "identifier" and trees.text_of(function) == "debug":
        level: str | None = "debug"
    elif function.type == "member_expression" and _logs(trees.field(function, "object")):
        level = _LEVELS.get(trees.field(function, "property"))
        told = METHODS.get(trees.text_of(given[0]).strip("'\"")) if len(given) > 1 else None
        level = told or level
    else:
        return None
    text = None if level is None else _said(given, values=True)
    return None if level is None or text is None else Statement(level=level, text=text)


def _logs(operand: str) -> bool:
    return bool(_LOGGER.fullmatch(operand)) and not _NOT_LOGGER.search(operand)


def _said(given: list[Node], *, values: bool) -> str | None:
    for place, node in enumerate(given[:3]):
        text = _text(node)
        if text is None or " " not in text.strip():
            continue
        rest = given[place + 1 :] if values else []
        slots = [slot_of(trees.text_of(value)) for value in rest]
        if rest and _FIELD.search(text):
            return fill(text, slots, fields=_FIELD, numeric="di")
        told = [
            slot for value, slot in zip(rest, slots, strict=True) if value.type in {"identifier", "member_expression"}
        ]
        return text.rstrip() + "".join(f" {slot}" for slot in told[:_MOST_VALUES])
    return None


def _text(node: Node) -> str | None:
    match node.type:
        case "string":
            return unescape(trees.text_of(node)[1:-1])
        case "template_string":
            return "".join(
                slot_of(trees.text_of(part)[2:-1])
                if part.type == "template_substitution"
                else unescape(trees.text_of(part))
                for part in node.named_children
            )
        case "binary_expression" if trees.field(node, "operator") == "+":
            return trees.together(trees.sides(node), text=_text)
        case "parenthesized_expression":
            return _text(node.named_children[0])
        case "call_expression":
            return _called(node)
    return None


def _called(node: Node) -> str | None:
    """`"a ".concat(b)`, as compilers write templates; `chalk.red("...")`, `format("... %s", x)`."""
    function, given = node.child_by_field_name("function"), trees.arguments(node)
    if function is None or not given:
        return None
    inner = function.child_by_field_name("object")
    if inner is not None and trees.field(function, "property") == "concat" and _text(inner) is not None:
        return trees.together([inner, *given], text=_text)
    return _said(given, values=True)
