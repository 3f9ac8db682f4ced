"""Log statements and exceptions of Java: SLF4J, Log4j, Commons Logging, java.util.logging."""

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from oddline.scoring.training.statements import trees
from oddline.scoring.training.statements.model import METHODS, Statement, worth_keeping
from oddline.scoring.training.statements.texts import fill, slot_of, unescape

_CALLS: Final = "[(method_invocation) (object_creation_expression)] @found"
_BRACES: Final = re.compile(r"\{()\d*(?:,[^{}]*)?\}")
_PERCENT: Final = re.compile(r"%(?:\d+\$)?[-#+ 0,(]*\d*(?:\.\d+)?([bBhHsScCdoxXeEfgGaAn%])")
_LOGGER: Final = re.compile(
    r"(?:.*\.)?_?(?:\w*logger|(?:\w+_)?log\d?|\w*[a-z]Log|getLog|getLogger)(?:\(.*\))?", re.IGNORECASE
)
_NOT_LOGGER: Final = re.compile(r"(?:dialog|catalog|blog|backlog|changelog)\w*$", re.IGNORECASE)
_LEVEL: Final = re.compile(r"(?:\w+\.)*([A-Z]+)(?:_INT)?")
_EXCEPTION: Final = re.compile(r"[\w.]*?(\w*(?:Exception|Error|Failure))")


def from_source(source: str) -> Iterator[Statement]:
    """The log statements, and the texts of made exceptions, of a Java file."""
    for node in trees.matching(source, language="java", query=_CALLS):
        found = _logged(node) if node.type == "method_invocation" else _raised(node)
        if found is not None and worth_keeping(found.text):
            yield found


def _logged(call: Node) -> Statement | None:
    name, given, operand = trees.field(call, "name"), trees.arguments(call), trees.field(call, "object")
    if not operand or not _LOGGER.fullmatch(operand) or _NOT_LOGGER.search(operand):
        return None
    level = METHODS.get(name)
    if name == "log" and len(given) > 1:
        constant = _LEVEL.fullmatch(trees.text_of(given[0]))
        level = METHODS.get(constant[1].lower()) if constant else None
    text = None if level is None else _said(given)
    return None if level is None or text is None else Statement(level=level, text=text)


def _raised(node: Node) -> Statement | None:
    name = _EXCEPTION.fullmatch(trees.field(node, "type").partition("<")[0])
    text = _said(trees.arguments(node)) if name else None
    return None if name is None or text is None else Statement(level="raise", text=f"{name[1]}: {text}")


def _said(given: list[Node]) -> str | None:
    for place, node in enumerate(given[:3]):
        text = _text(node)
        if text is not None and " " in text.strip():
            return _filled(text, given[place + 1 :])
    return None


def _filled(text: str, rest: list[Node]) -> str | None:
    values = [slot_of(trees.text_of(value)) for value in rest]
    if _BRACES.search(text):
        return fill(text.replace("''", "'"), values, fields=_BRACES)
    if values and _PERCENT.search(text):
        text = fill(text, values, fields=_PERCENT, numeric="doxXeEfgG")
    return None if re.search(r"%[sd]", text) else text


def _text(node: Node) -> str | None:
    match node.type:
        case "string_literal":
            quotes = 3 if trees.text_of(node).startswith('"""') else 1
            return unescape(trees.text_of(node)[quotes:-quotes])
        case "binary_expression":
            return trees.together(trees.sides(node), text=_text)
        case "parenthesized_expression":
            return _text(node.named_children[0])
        case "method_invocation" if trees.field(node, "name") in {"format", "formatted"}:
            return _said(trees.arguments(node))
    return None
