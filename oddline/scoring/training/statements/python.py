"""Log and raise statements of Python, by its own syntax tree."""

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Final

from oddline.scoring.training.statements.model import METHODS, Statement, worth_keeping
from oddline.scoring.training.statements.texts import BRACES, PERCENT, named

_LOGGER: Final = re.compile(r"(?:.*_)?log(?:ging|s)?[0-9]?(?:_.*)?|.*logger[0-9]?")  # Not a dialog, not a catalog.
_EXCEPTION: Final = re.compile(
    r"[A-Z]\w*(?:Error|Exception|Failed|Failure|NotFound|Timeout|Conflict|Denied|Invalid\w*)"
)


def from_source(source: str) -> Iterator[Statement]:
    """The log and raise statements of a Python module, by its syntax tree.

    Raises:
        SyntaxError: the source is not of this Python's grammar.
        ValueError: the source holds NUL bytes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        tree = ast.parse(source)
    for node in ast.walk(tree):
        found = None
        if isinstance(node, ast.Call):
            found = _logged(node)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found = _raised(node.exc)
        if found is not None and worth_keeping(found.text):
            yield found


def _logged(call: ast.Call) -> Statement | None:
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return None
    level, first = METHODS.get(call.func.attr), 0
    if call.func.attr == "log" and len(call.args) > 1:
        level, first = METHODS.get(_last_name(call.args[0])), 1
    if level is None or not _LOGGER.fullmatch(_last_name(call.func.value)):
        return None
    text = _text(call.args[first], values=call.args[first + 1 :])
    return None if text is None else Statement(level=level, text=text)


def _raised(call: ast.Call) -> Statement | None:
    name = _last_name(call.func, lower=False)
    if not call.args or not _EXCEPTION.fullmatch(name):
        return None
    text = _text(call.args[0], values=[])
    return None if text is None else Statement(level="raise", text=f"{name}: {text}")


def _text(node: ast.expr, *, values: list[ast.expr]) -> str | None:
    """A string expression as text with slots, or None where it is not one that can be read."""
    match node:
        case ast.Constant(value=str(text)):
            return _with_slots(text, values) if values or "%" in text else _plain(text)
        case ast.JoinedStr():
            return "".join(str(part.value) if isinstance(part, ast.Constant) else _slot(part) for part in node.values)
        case ast.BinOp(op=ast.Mod(), left=left, right=right):
            given = right.elts if isinstance(right, ast.Tuple) else [right]
            return _text(left, values=list(given))
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _joined(left, right)
        case ast.Call():
            return _called(node, values=values)
    return None


def _called(call: ast.Call, *, values: list[ast.expr]) -> str | None:
    match call:
        case ast.Call(func=ast.Attribute(attr="format", value=inner), args=given):
            return _text(inner, values=list(given))
        case ast.Call(func=ast.Name(), args=[inner, *_]):  # _("..."), _LE("..."): marked for translation
            return _text(inner, values=values)
    return None


def _joined(left: ast.expr, right: ast.expr) -> str | None:
    pieces = [_text(side, values=[]) for side in (left, right)]
    if pieces == [None, None]:
        return None
    return "".join(_slot(side) if piece is None else piece for piece, side in zip(pieces, (left, right), strict=True))


def _plain(text: str) -> str:
    return BRACES.sub(lambda found: named(found[1]), text)


def _with_slots(text: str, values: list[ast.expr]) -> str:
    """The text of a %-format or str.format string with its fields named after what is put in."""
    names = iter([_slot(value) for value in values if not isinstance(value, ast.Starred)])

    def percent(found: re.Match[str]) -> str:
        if found[2] == "%":
            return "%"
        if found[1]:
            return named(found[1])
        name = next(names, "{}")
        return "{number}" if name == "{}" and found[2] in "diouxXeEfFgG" else name

    if PERCENT.search(text):
        return PERCENT.sub(percent, text)
    return BRACES.sub(lambda found: named(found[1]) if found[1] else next(names, "{}"), text)


def _slot(node: ast.expr) -> str:
    return named(_last_name(node.value if isinstance(node, ast.FormattedValue) else node))


def _last_name(node: ast.expr, *, lower: bool = True) -> str:
    """The name that an expression ends with: `request.host` → host, `get_path(x)` → get_path, `len(x)` → len."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower() if lower else name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _last_name(inner, lower=lower)
    return ""
