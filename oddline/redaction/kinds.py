"""How each kind of sensitive value looks: the expressions, and the sums that tell a card from any other number.

Every expression is linear in practice: what could be tried again from each position is bounded. `SUSPECTS` are for
RE2: a text in which one finds nothing holds nothing of the kind. One automaton looks for all of them in a whole batch
at once, which costs a twentieth of trying the expressions on every line.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from oddline.redaction.model import Kind, mark

Replace = Callable[[re.Match[str]], str]

_NAMES: Final = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?"
    r"|(?:api|access|secret|private|account|encryption|signing)[_.-]?key(?:[_.-]?id)?)"
)
SENSITIVE_NAME: Final = re.compile(rf"(?i)(?:{_NAMES}|authorization|cookie)$")
"""What an attribute's name ends with whose value is a secret, whatever it looks like."""

_NOTHING: Final = frozenset({"null", "none", "nil", "true", "false", "undefined"})
_QUOTE: Final = r"\\{0,3}[\"']"
_FIELD: Final = re.compile(
    rf"(?i)(?P<head>{_NAMES}(?:{_QUOTE})?\s{{0,3}}(?P<sign>=>|=|:)\s{{0,3}})"
    rf"(?:(?P<quote>{_QUOTE})(?P<inner>[^\n]{{1,1000}}?)(?P=quote)|(?P<bare>[^\s\"'&,;()\[\]{{}}<>\\]{{1,1000}}))"
)
_LETTERS: Final = re.compile(r"[A-Za-z]+[.!?:]?|[0-9]{1,4}|/.*")  # a word of a sentence, a count, a folder

_HEADER: Final = re.compile(
    rf"(?i)(?P<head>authorization(?:{_QUOTE})?\s{{0,3}}[:=]\s{{0,3}}(?:{_QUOTE})?(?:[a-z][a-z0-9-]{{1,20}}\s{{1,3}})?)"
    r"[^\s\"',;\\<>]{8,4000}"
)
_BEARER: Final = re.compile(r"(?i)(?P<head>(?<![a-z0-9])bearer\s{1,3})[a-z0-9._~+/-]{16,4000}={0,2}")
_URL_PASSWORD: Final = re.compile(r"(?P<head>://[^\s/:@\"'<>?#]{0,200}:)[^\s/@\"'<>]{1,500}(?=@)")
_JWT: Final = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,4000}\.[A-Za-z0-9_-]{5,8000}(?:\.[A-Za-z0-9_-]{0,4000}){1,3}"
)
_API_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:A(?:KIA|SIA|ROA|IDA)[A-Z0-9]{16}(?![A-Za-z0-9])|gh[opsur]_[A-Za-z0-9]{36,255}"
    r"|github_pat_[A-Za-z0-9_]{22,255}|glpat-[A-Za-z0-9_-]{20,64}|xox[abeprs]-[A-Za-z0-9-]{10,255}"
    r"|[rs]k_live_[A-Za-z0-9]{16,255}|AIza[A-Za-z0-9_-]{35}|odl_[0-9a-f]{8}_[A-Za-z0-9_-]{32})"
)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]|-(?!----END )){0,20000}(?:-----END [A-Z0-9 ]{0,60}-{0,5})?"
)
_CARD: Final = re.compile(
    r"(?<![\w.-])(?:[2-6][0-9]{3}(?P<four>[ -]?)[0-9]{4}(?P=four)[0-9]{4}(?P=four)[0-9]{1,7}"
    r"|3[0-9]{3}(?P<six>[ -]?)[0-9]{6}(?P=six)[0-9]{4,5})(?![\w-]|\.[0-9])"
)
# First digits and lengths, of the networks' own publications.
_NETWORKS: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|62\d{14,17}|35(?:2[89]|[3-8]\d)\d{12,15}|3(?:0[0-5]|[68]\d)\d{11,16}"
)
_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?!\w)")
_IBAN: Final = re.compile(r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_SSN: Final = re.compile(r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])")
_PHONE: Final = re.compile(r"(?<![\w+])\+[1-9](?:[ ().-]{0,2}[0-9]){7,14}(?!\w)")


def _whole(kind: Kind) -> Replace:
    return lambda _: mark(kind)


def _behind_head(kind: Kind) -> Replace:
    return lambda found: found["head"] + mark(kind)


def _field(found: re.Match[str]) -> str:
    """A field's value masked, unless it is none, or more likely the rest of a sentence."""
    quote, value = found["quote"] or "", found["inner"] or found["bare"]
    if value.startswith("<") or value.lower() in _NOTHING:
        return found[0]
    if not quote and (found["sign"] == ":" or value.startswith("/")) and _LETTERS.fullmatch(value):
        return found[0]
    return f"{found['head']}{quote}{mark(Kind.PASSWORD)}{quote}"


def _card(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    is_card = _NETWORKS.fullmatch(digits) is not None and len(set(digits)) > 1 and _luhn(digits) == 0
    return mark(Kind.CARD) if is_card else found[0]


def _luhn(digits: str) -> int:
    """The check sum of ISO/IEC 7812-1, 0 where it is right."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10


def _iban(found: re.Match[str]) -> str:
    plain = found[0].replace(" ", "")
    # ISO 13616: the first four go to the end, a letter is 10 to 35, and 1 is left over of 97.
    number = int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4]))
    return mark(Kind.IBAN) if number % 97 == 1 else found[0]


EXPRESSIONS: Final[Mapping[Kind, tuple[tuple[re.Pattern[str], Replace], ...]]] = {
    Kind.PRIVATE_KEY: ((_PRIVATE_KEY, _whole(Kind.PRIVATE_KEY)),),
    Kind.JWT: ((_JWT, _whole(Kind.JWT)),),
    Kind.API_KEY: ((_API_KEY, _whole(Kind.API_KEY)),),
    Kind.BEARER: ((_HEADER, _behind_head(Kind.BEARER)), (_BEARER, _behind_head(Kind.BEARER))),
    Kind.PASSWORD: ((_URL_PASSWORD, _behind_head(Kind.PASSWORD)), (_FIELD, _field)),
    Kind.CARD: ((_CARD, _card),),
    Kind.EMAIL: ((_EMAIL, _whole(Kind.EMAIL)),),
    Kind.IBAN: ((_IBAN, _iban),),
    Kind.SSN: ((_SSN, _whole(Kind.SSN)),),
    Kind.PHONE: ((_PHONE, _whole(Kind.PHONE)),),
}
"""What is tried for each kind, in the order in which kinds are tried: a token in a field is told as what it is."""

SUSPECTS: Final[Mapping[Kind, str]] = {
    Kind.PRIVATE_KEY: r"PRIVATE KEY(?: BLOCK)?-----",
    Kind.JWT: r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5}",
    Kind.API_KEY: r"A(?:KIA|SIA|ROA|IDA)[A-Z0-9]{16}|gh[opsur]_[A-Za-z0-9]{36}|github_pat_|glpat-|xox[abeprs]-"
    r"|[rs]k_live_|AIza[A-Za-z0-9_-]{35}|odl_[0-9a-f]{8}_",
    Kind.BEARER: r"(?i:authorization|bearer\s+[a-z0-9._~+/-]{16})",
    Kind.PASSWORD: rf"(?i:(?:{_NAMES}(?:\\*[\"'])?\s*=?[:=>])|cookie\"\s?:)"
    r"|://[^\s/:@\"'<>?#]*:[^\s/@\"'<>]+@",
    # What numbers a block or a message often begins with a minus or a letter: every line would be tried.
    Kind.CARD: r"(?:^|[^\w.-])(?:4|5[1-5]|2[2-7]|6[0245]|3[0-8])[0-9]{2,3}"
    r"(?:[0-9]{9}|[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]|[ -][0-9]{6}[ -][0-9]{4})",
    Kind.EMAIL: r"\w@[\w-]+\.[A-Za-z]|[^\x00-\x7f]@",
    Kind.IBAN: r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}",
    Kind.SSN: r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
    Kind.PHONE: r"\+[1-9][ ().-]{0,2}[0-9]",
}
