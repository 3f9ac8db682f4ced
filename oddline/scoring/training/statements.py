"""Take log statements with their level from the source of other software: training text free of anybody's logs."""

import ast
import json
import lzma
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error", "critical", "raise")
"""`raise` is the text of a raised exception, `ClassName: message`: what a traceback ends with."""

DATA: Final = Path(__file__).parent / "data"
SHIPPED: Final = DATA / "statements.tsv.xz"

_METHODS: Final = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "success": "info",
    "notice": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "failure": "error",
    "exception": "error",
    "critical": "critical",
    "fatal": "critical",
}
_LOGGER: Final = re.compile(r"(?:.*_)?log(?:ging|s)?[0-9]?(?:_.*)?|.*logger[0-9]?")  # Not a dialog, not a catalog.
_PERCENT: Final = re.compile(
    r"%(?:\((\w+)\))?[#0 +-]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t|L)?([diouxXeEfFgGcrsap%])"
)
_BRACES: Final = re.compile(r"\{([\w.\[\]]*)(?:![rsa])?(?::[^{}]*)?\}")
_NAME: Final = re.compile(r"[^a-z0-9_]+")
_LONGEST: Final = 300  # Characters: longer ones are help texts and banners.
_FEWEST_LETTERS: Final = 6
_EXCEPTION: Final = re.compile(
    r"[A-Z]\w*(?:Error|Exception|Failed|Failure|NotFound|Timeout|Conflict|Denied|Invalid\w*)"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A log statement: its level (one of LEVELS) and its text, with `{name}` where a value is put in."""

    level: str
    text: str


def from_python(source: str) -> Iterator[Statement]:
    """The log and raise statements of a Python module, by its syntax tree.

    Raises:
        SyntaxError: the source is not of this Python's grammar.
        ValueError: the source holds NUL bytes.
    """
    for node in ast.walk(ast.parse(source)):
        found = None
        if isinstance(node, ast.Call):
            found = _logged(node)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found = _raised(node.exc)
        if found is not None and _worth_keeping(found.text):
            yield found


def _logged(call: ast.Call) -> Statement | None:
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return None
    level, first = _METHODS.get(call.func.attr), 0
    if call.func.attr == "log" and len(call.args) > 1:
        level, first = _METHODS.get(_last_name(call.args[0])), 1
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
    return _BRACES.sub(lambda found: _named(found[1]), text)


def _with_slots(text: str, values: list[ast.expr]) -> str:
    """The text of a %-format or str.format string with its fields named after what is put in."""
    names = iter([_slot(value) for value in values if not isinstance(value, ast.Starred)])

    def percent(found: re.Match[str]) -> str:
        if found[2] == "%":
            return "%"
        if found[1]:
            return _named(found[1])
        name = next(names, "{}")
        return "{number}" if name == "{}" and found[2] in "diouxXeEfFgG" else name

    if _PERCENT.search(text):
        return _PERCENT.sub(percent, text)
    return _BRACES.sub(lambda found: _named(found[1]) if found[1] else next(names, "{}"), text)


def _slot(node: ast.expr) -> str:
    return _named(_last_name(node.value if isinstance(node, ast.FormattedValue) else node))


def _named(name: str) -> str:
    return "{" + _NAME.sub("", name.rpartition(".")[2].lower())[:24] + "}"


def _last_name(node: ast.expr, *, lower: bool = True) -> str:
    """The name that an expression ends with: `request.host` → host, `get_path(x)` → get_path, `len(x)` → len."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower() if lower else name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _last_name(inner, lower=lower)
    return ""


# C and its kin: no syntax tree at hand, so only calls whose level is written in them.
_C_LEVELS: Final = {
    "debug": "debug", "trace": "debug", "verbose": "debug", "dbg": "debug",
    "info": "info", "notice": "info", "log": "info", "inf": "info",
    "warning": "warning", "warn": "warning", "wrn": "warning",
    "error": "error", "err": "error",
    "fatal": "critical", "panic": "critical", "emerg": "critical", "alert": "critical", "crit": "critical",
}  # fmt: skip
_C_STRING: Final = r"\"(?:[^\"\\\n]|\\.)*\""
_C_CALL: Final = re.compile(
    r"\b(?:(?:serverLog|_serverLog|ngx_log_error|gpr_log|elog|syslog|av_log|log_write)\s*\(|ereport\s*\(|(?:VLOG|LOG|ABSL_LOG)\s*\()"
    r"\s*(?:LL|NGX_LOG|GPR|LOG|AV_LOG|BIO_LOG)?_?([A-Za-z]+)\b[^;\"]{0,160}?"
    rf"({_C_STRING}(?:[\s,<]*(?:[A-Za-z_][\w.\->()\[\]]*)?[\s<]*{_C_STRING})*)"
)
_C_PART: Final = re.compile(rf"({_C_STRING})|[A-Za-z_][\w.\->()\[\]]*")
_C_ESCAPE: Final = re.compile(r"\\(.)")


def from_c(source: str) -> Iterator[Statement]:
    """The log statements of a C or C++ file, by the shape of the calls of well-known servers and of glog.

    `serverLog(LL_WARNING, "...")`, `ereport(ERROR, (errmsg("...")))`, `LOG(ERROR) << "..." << x`, and the like.
    """
    for found in _C_CALL.finditer(source):
        level = _C_LEVELS.get(found[1].lower())
        if level is None:
            continue
        text = "".join(
            _C_ESCAPE.sub(_unescape, part[1][1:-1]) if part[1] else "{}" for part in _C_PART.finditer(found[2])
        )
        text = _with_slots(text, [])
        if _worth_keeping(text):
            yield Statement(level=level, text=text)


def _unescape(found: re.Match[str]) -> str:
    return {"n": " ", "r": "", "t": " "}.get(found[1], found[1])


def _worth_keeping(text: str) -> bool:
    words = _BRACES.sub(" ", text)
    letters = sum(character.isalpha() for character in words)
    return len(text) <= _LONGEST and letters >= _FEWEST_LETTERS and " " in text.strip() and words.isascii()


def distinct(statements: Iterable[Statement]) -> list[Statement]:
    """Each text once, with the level it has most often (the milder of equals), in order of text."""
    levels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for statement in statements:
        levels[" ".join(statement.text.split())][statement.level] += 1
    return [
        Statement(level=max(counts, key=lambda level: (counts[level], -LEVELS.index(level))), text=text)
        for text, counts in sorted(levels.items())
    ]


def write(statements: Iterable[Statement], *, path: Path) -> None:
    """Store statements as xz-packed lines of `level TAB text`."""
    body = "".join(f"{statement.level}\t{statement.text}\n" for statement in statements)
    path.write_bytes(lzma.compress(body.encode(), preset=9 | lzma.PRESET_EXTREME))


def read(path: Path = SHIPPED) -> list[Statement]:
    """The statements of a file that `write` made; the shipped ones unless told otherwise."""
    lines = lzma.decompress(path.read_bytes()).decode().splitlines()
    return [Statement(level=level, text=text) for level, _, text in (line.partition("\t") for line in lines)]


def manifest(path: Path = DATA / "manifest.json") -> list[dict[str, str | int]]:
    """Where the shipped statements are from: package, version, licence, count."""
    packages: list[dict[str, str | int]] = json.loads(path.read_text(encoding="utf-8"))["packages"]
    return packages
