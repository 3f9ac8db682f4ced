"""Log statements of C and C++, by calls whose name or first arguments tell a level."""

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from oddline.scoring.training.statements import trees
from oddline.scoring.training.statements.model import METHODS, Statement, worth_keeping
from oddline.scoring.training.statements.texts import fill, slot_of, unescape

_CALLS: Final = "[(call_expression) (throw_statement)] @found"
_FIELD: Final = re.compile(
    r"%(?:\d+\$)?[-#0 +']*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t|L|q|I64|[ux](?=[dizALTO]))?"
    r"([diouxXeEfFgGcsnmvVaAOTPNzwWLMU%]|p[IA]?)"
)
_CONSTANT: Final = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9]*_)*?_?([A-Za-z]+)[0-9]?(?:_(?:HTTP|CORE|EVENT|STREAM|MAIL|ALLOC|MUTEX))?"
)
_SHOUTED: Final = re.compile(r"[A-Z][A-Z0-9_]*|(?:[a-z]+(?:::|_))?k?[A-Z][a-z]+")
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LEVELS: Final = METHODS | {
    "log": "info", "logit": "info", "err": "error", "errx": "error", "warnx": "warning", "warnc": "warning",
    "fatalx": "critical", "fatalf": "critical", "debugf": "debug", "infof": "info", "failf": "error", "errorf": "error",
    "warnf": "warning", "die": "critical", "loge": "error", "logw": "warning", "logi": "info", "logd": "debug",
    "logv": "debug", "aloge": "error", "alogw": "warning", "alogi": "info", "alogd": "debug", "commerror": "info",
    "fulldebug": "debug", "errorx": "error", "dberr": "error", "vlog": "debug", "dvlog": "debug", "mesg": "info",
}  # fmt: skip
_AS_NAME: Final = {key: level for key, level in _LEVELS.items() if key != "log"}
_RETURNED: Final = {"set", "raise", "throw", "make", "create", "return", "new", "get", "add", "put", "parse", "syntax",
                    "type", "value", "format", "push", "append", "build", "status", "invalid", "string"}  # fmt: skip
_NO_LOG: Final = re.compile(
    r"(?:^|_)(?:assert|expect|test|check|usage|help|ck|tap|str(?:n?cmp|str|casecmp)|sn?printf|strerror|regcomp|require|ok|"
    r"regerror|diag|unittest|info_add|getenv|doc|define|register|option|dlsym|is)(?:_|$)|^(?:is|has|get)_",
    re.IGNORECASE,
)
_MARKED: Final = re.compile(r"\b(?:AP)?LOGNO\(\d*\)")  # Stands before a string without a comma: no grammar reads it.
_FIELD_END: Final = re.compile(r"\"\s*PRI([diouxX])\w*\b(\s*\")?")
_LEFT: Final = re.compile(r"%(?! |$)|(?<![\d}])\s*%$")  # What is left of a field that is none of ours.
_FIRST: Final = 6  # Arguments, the first of which may be a level, a logger, a code, a text.
_INNER: Final = re.compile(r"errmsg(?:_internal|_plural)?|_|N_|gettext|dgettext|_?\(?tr|i18n|StringPrintf|format")


def from_source(source: str) -> Iterator[Statement]:
    """The log statements, thrown and returned errors of a C or C++ file.

    `serverLog(LL_WARNING, "...")`, `ereport(ERROR, (errmsg("...")))`, `LOG(ERROR) << "..." << x`, and the like.
    """
    plain = _FIELD_END.sub(_ended, _MARKED.sub(" ", source))
    for node in trees.matching(plain, language="cpp", query=_CALLS):
        if node.parent is not None and node.parent.type == "throw_statement":
            continue
        found = _thrown(node) if node.type == "throw_statement" else _logged(node)
        if found is not None and not _LEFT.search(found.text) and worth_keeping(found.text):
            yield found


def _ended(found: re.Match[str]) -> str:
    """`"%" PRIu64 " bytes"` as `"%u bytes"`."""
    return found[1] + ("" if found[2] else '"')


def _logged(call: Node) -> Statement | None:
    name = trees.field(call, "function").replace("->", ".").rpartition(".")[2].rpartition("::")[2]
    given = trees.arguments(call)
    level = None if not given or _NO_LOG.search(name) else _level(name, given)
    if level is None:
        return None
    text = _streamed(call) or _said(given[:_FIRST], rest=given)
    if text is not None and name.endswith(("_r", "_fr")):  # OpenSSH's: they write the error's text themselves.
        text += ": {error}"
    return None if text is None else Statement(level=level, text=text)


def _level(name: str, given: list[Node]) -> str | None:
    """By a constant among the first arguments, else by the last word of the name that is a level."""
    for node in given[:4]:
        shown = trees.text_of(node).partition("|")[0].strip()
        constant = _CONSTANT.fullmatch(shown) if _SHOUTED.fullmatch(shown.replace("::", "_")) else None
        level = _LEVELS.get(constant[1].lower()) if constant else None
        if level is not None:
            return level
        if shown.endswith("_ANY"):  # OpenLDAP's: shown at any level, so it tells none.
            return None
        if node.type in {"string_literal", "concatenated_string"}:
            break
    words = [word.lower() for word in _WORDS.findall(name)]
    levels = [_AS_NAME[word] for word in words if word in _AS_NAME]
    if not levels:
        return None
    return "raise" if _RETURNED & set(words) else levels[-1]


def _thrown(node: Node) -> Statement | None:
    call = next((child for child in node.named_children if child.type == "call_expression"), None)
    if call is None:
        return None
    name = trees.field(call, "function").rpartition("::")[2]
    text = _said(trees.arguments(call), rest=[])
    return None if text is None or not name[:1].isalpha() else Statement(level="raise", text=f"{name}: {text}")


def _said(candidates: list[Node], *, rest: list[Node]) -> str | None:
    """The first argument that holds a sentence, with what follows it in its fields."""
    for place, node in enumerate(candidates):
        text = _text(node)
        if text is not None and " " in text.strip():
            values = rest[place + 1 :] if rest else []
            return fill(text, [slot_of(trees.text_of(value)) for value in values], fields=_FIELD)
    return None


def _text(node: Node) -> str | None:
    match node.type:
        case "string_literal":
            return unescape("".join(trees.text_of(part) for part in node.named_children))
        case "concatenated_string":
            return "".join(_text(part) or "" for part in node.named_children if part.type == "string_literal")
        case "parenthesized_expression" | "comma_expression":
            return next((text for text in map(_text, node.named_children) if text is not None), None)
        case "call_expression" if _INNER.fullmatch(trees.field(node, "function")):
            given = trees.arguments(node)
            return _said(given, rest=given)
        case "binary_expression" if trees.text_of(node.child_by_field_name("operator")) == "+":
            return trees.together(trees.sides(node), text=_text)
    return None


def _streamed(call: Node) -> str | None:
    """What is put into a stream that a macro opens: `LOG(ERROR) << "lost " << peer`."""
    pieces, node = [], call
    while node.parent is not None and node.parent.type == "binary_expression":
        if trees.field(node.parent, "operator") != "<<" or node.parent.child_by_field_name("left") != node:
            return None
        right = node.parent.child_by_field_name("right")
        if right is not None and not trees.text_of(right).endswith(("endl", "dendl")):
            pieces.append(_text(right) or slot_of(trees.text_of(right)))
        node = node.parent
    text = "".join(pieces)
    return text if " " in text.strip() else None
