"""Cut a message at its pattern's tokens, so that a person sees the real text under each mask."""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from oddline.patterns import rules

_TOKEN: Final = re.compile(rf"{rules.PLACEHOLDER.pattern}|\s+|(?:(?!{rules.PLACEHOLDER.pattern})\S)+")
_NUMBER: Final = r"[-+]?[0-9]+(?:[.,][0-9]+)*(?:[eE][-+][0-9]+)?"
_DATED: Final = re.compile(rules.TIMES.pattern.replace("<num>", "[0-9]{1,4}").replace("<time>", rules.ONE_TIME))
# How far the text of a placeholder may reach when it holds blanks, or what else stands next in the pattern.
_SHAPES: Final[dict[str, tuple[re.Pattern[str], ...]]] = {
    "<time>": (_DATED, re.compile(rules.ONE_TIME)),
    "<num>": (re.compile(_NUMBER),),
    "<hex>": (re.compile(r"(?:0[xX])?[0-9a-fA-F]+"),),
    "<duration>": (re.compile(rf"{_NUMBER} ?[A-Za-zµμ]+"),),
    "<size>": (re.compile(rf"{_NUMBER} ?[A-Za-z]+"),),
    "<str>": (rules.QUOTED,),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One token of a pattern (whitespace, placeholder or literal) and the part of the message that it stands for."""

    token: str
    text: str


def align(pattern: str, message: str) -> list[Segment]:
    """The message cut at its pattern's tokens; both `"".join` of the texts and of the tokens give back the whole.

    A message that the pattern does not fit (it came from another version of the masks) is one segment. Where a
    placeholder could end in several places, what it looks like decides, else the first; linear but for placeholders
    that stand side by side.
    """
    tokens = _TOKEN.findall(pattern)
    texts = _fit(tokens, message=message, by_shape=True) or _fit(tokens, message=message, by_shape=False)
    if texts is None:
        return [Segment(token=pattern, text=message)]
    return [Segment(token=token, text=text) for token, text in zip(tokens, texts, strict=True)]


def _fit(tokens: list[str], *, message: str, by_shape: bool) -> list[str] | None:
    """The text of each token, or None where the message does not go with them."""
    texts: list[str] = []
    start = 0
    pending: list[str] = []
    for is_mask, run in groupby(tokens, key=lambda token: rules.PLACEHOLDER.fullmatch(token) is not None):
        members = list(run)
        if is_mask:
            pending = members
            continue
        literal = "".join(members)
        at_end = len(texts) + len(pending) + len(members) == len(tokens)
        end = _literal_start(literal, message, start=start, pending=pending, at_end=at_end, by_shape=by_shape)
        if end < 0:
            return None
        texts += _share(pending, message[start:end])
        texts += members
        start = end + len(literal)
        pending = []
    if len(message) - start < len(pending) or (start < len(message) and not pending):
        return None
    return texts + _share(pending, message[start:])


def _literal_start(literal: str, message: str, *, start: int, pending: list[str], at_end: bool, by_shape: bool) -> int:
    """Where the literal after the pending placeholders begins, -1 if nowhere."""
    if not pending:
        return start if message.startswith(literal, start) else -1
    if at_end:
        end = len(message) - len(literal)
        return end if message.endswith(literal) and end >= start + len(pending) else -1
    if by_shape and len(pending) == 1:
        for shape in _SHAPES.get(pending[0], ()):
            found = shape.match(message, start)
            if found and message.startswith(literal, found.end()):
                return found.end()
    return message.find(literal, start + len(pending))


def _share(masks: list[str], text: str) -> list[str]:
    """A text divided among placeholders that stand side by side: each takes what looks like it, the last the rest."""
    texts: list[str] = []
    for left, mask in zip(range(len(masks) - 1, 0, -1), masks, strict=False):
        found = next((match for shape in _SHAPES.get(mask, ()) if (match := shape.match(text))), None)
        size = min(found.end() if found else 1, len(text) - left)
        texts.append(text[:size])
        text = text[size:]
    return [*texts, text] if masks else []
