"""Read the labels of a stream as Loki's protobuf form has them: `{app="checkout", env="prod"}`, as Go quotes texts."""

import re

from oddline.errors import BadRequest

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = re.compile(rf"\s*([^\W\d]\w*|{_QUOTED})\s*=\s*({_QUOTED}|`[^`]*`)\s*(,|$)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LARGEST_CHARACTER = 0x10FFFF
SHOWN_CHARACTERS = 60  # of labels that cannot be read


def read_labels(text: str) -> dict[str, str]:
    """The labels by name.

    Raises:
        BadRequest: the text is no set of labels.
    """
    stripped = text.strip()
    inside = stripped[1:-1].strip()
    if stripped[:1] != "{" or stripped[-1:] != "}" or len(stripped) < 2:
        raise _no_labels(text)
    labels, at = {}, 0
    while at < len(inside):
        pair = _PAIR.match(inside, at)
        if pair is None:
            raise _no_labels(text)
        labels[_unquoted(pair[1])] = _unquoted(pair[2])
        at = pair.end()
    return labels


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text.strip("`")
    inside = text[1:-1]
    if "\\" not in inside:
        return inside
    # \x and octal digits are bytes of UTF-8, which may need several to make a character.
    return _ESCAPE.sub(_character, inside).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def _character(escape: re.Match[str]) -> str:
    if digits := escape[1] or escape[4]:
        byte = int(digits, 16 if escape[1] else 8) & 0xFF
        return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)
    if digits := escape[2] or escape[3]:
        return chr(min(int(digits, 16), _LARGEST_CHARACTER))
    return _LETTERS.get(escape[5], escape[5])


def _no_labels(text: str) -> BadRequest:
    return BadRequest(f"{text[:SHOWN_CHARACTERS]!a} is no set of labels", field="labels")
