"""What a variable part of a log message looks like: the regular expressions behind the masks.

Every expression is linear in practice: quantifiers that could be tried again from each position are bounded or
anchored by a look-behind, so that no message, however hostile, costs more than a few milliseconds.
No expression tells one digit from another, but for what `DIGITS_MATTER` finds and where a digit is left standing: the
masker's cache relies on it.
"""

import re
from itertools import groupby
from typing import Final

PLACEHOLDERS: Final[tuple[str, ...]] = (
    "<num>",
    "<hex>",
    "<id>",
    "<uuid>",
    "<ip>",
    "<mac>",
    "<host>",
    "<email>",
    "<user>",
    "<path>",
    "<url>",
    "<time>",
    "<duration>",
    "<size>",
    "<str>",
    "<more>",
    "<cut>",
)
_NAMES = "|".join(name.strip("<>") for name in PLACEHOLDERS)
PLACEHOLDER: Final = re.compile(f"<(?:{_NAMES})>")

# Words after which a number of up to three digits says what happened, not how much of it.
_CODE_WORDS = (
    r"status|status_?code|code|errno|error|err|exit|exit_?code|exit_?status|signal|sig|rc|ret|retcode|returncode"
)
# Words after which only "none at all" differs in kind from any other number.
_COUNT_WORDS = (
    r"errors|failed|failures|failing|faults|warnings|dropped|lost|rejected|refused|retries|timeouts"
    r"|rows|records|items|entries|events|messages|documents|files|nodes|workers|replicas|backups|hits"
    r"|processed|imported|exported|loaded|written|copied|synced|delivered"
)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_NUMBER = r"[0-9]+(?:[.,][0-9]+)*"
_DURATION_UNIT = (
    r"ns|us|µs|μs|ms|msecs?|s|secs?|min|mins|hrs?"
    r"|nanoseconds?|microseconds?|milliseconds?|seconds?|minutes?|hours?|days?"
)
_SIZE_UNIT = r"B|[kKMGTP]i?[bB]|bytes?|[kKMGT]bytes|[Kk]ilobytes|[Mm]egabytes|[Gg]igabytes"
_TOP_DOMAIN = (
    r"com|net|org|io|edu|gov|mil|int|info|biz|dev|app|cloud|ai|co|tv|me|cn|hk|tw|jp|kr|in|de|uk|fr|ru|nl|it|es|pl|se"
    r"|ch|at|be|br|mx|ca|au|nz|za|eu|us|local|localdomain|internal|lan"
)

_TELLING = (
    r"(?i:(?<![a-z])(?:errors?|fail(?:s|ed|ure|ures|ing)?|refused|reset|denied|rejected|forbidden|unauthorized|invalid"
    r"|illegal|timed?[ -]?out|timeout|exceptions?|fatal|panic|critical|abort(?:ed)?|crash(?:ed)?|kill(?:ed)?|dead"
    r"|deadlock|lost|closed|missing|unknown|unavailable|unreachable|corrupt(?:ed)?|broken|overflow|exceeded|exhausted"
    r"|full|cannot|could not|unable|not found|no such|warn(?:ing)?|bad|down|unexpected|violation|disconnected"
    r")(?![a-z]))"
)
_LABEL = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}"

ONE_TIME: Final = (
    r"(?<![0-9A-Za-z.])(?:"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T_-][0-9]{2}[:.][0-9]{2}(?:[:.][0-9]{2}(?:[.,][0-9]{1,9})?)?)?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    r"|[0-9]{4}(?:/[0-9]{2}/|\.[0-9]{2}\.)[0-9]{2}"
    r"|[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})"
    rf"|[0-9]{{1,2}}[/-]{_MONTH}[/-][0-9]{{4}}(?::[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})?"
    r"|[0-9]{8}(?:T[0-9]{4,6}|-[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?::[0-9]{1,3})?)Z?"
    r"|[0-9]{1,3}:[0-9]{2}(?::[0-9]{2}(?:[.,:][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    r")(?![0-9A-Za-z]|[:.-][0-9])"
)

_TOKEN_BRANCHES = {
    # What was masked or erased before it was stored; of what kind it was tells the detector no more than a placeholder.
    "masked": r"<(?:masked:[a-z_]{1,30}|erased)>",
    "keep": rf"(?i:(?<![a-z])(?:{_CODE_WORDS})[\"']?[=:]\s?[\"']?-?[0-9]{{1,3}}(?![\w.])"
    rf"|(?<![a-z])(?:{_COUNT_WORDS})[\"']?[=:]\s?0(?![\w.]))|{PLACEHOLDER.pattern}",
    "url": r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s\"'<>]*[^\s\"'<>.,;:!?)\]}]",
    "uuid": r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])",
    "user": r"(?:(?<=user=)|(?<=username=)|(?<=login=))(?!root\b|<|\")\w[^\s\"'<>,;:()\[\]{}|]{0,63}",
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w])",
    "mac": r"(?<![0-9A-Za-z:-])[0-9a-fA-F]{2}(?:(?::[0-9a-fA-F]{2}){5,31}|(?:-[0-9a-fA-F]{2}){5})(?![0-9A-Za-z:-])",
    "ip": r"(?<![0-9A-Za-z.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9A-Za-z])(?::[0-9]{1,5}(?![0-9A-Za-z:]))?"
    r"|(?<![\w:.])(?:(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}"
    r"|(?=[0-9a-fA-F:]{0,40}[0-9])(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,6})?"
    r"::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,6})?)(?:%\w{1,16})?(?![\w:])",
    "time": ONE_TIME,
    "host": r"(?<![\w.@/-])(?:"
    rf"(?:{_LABEL}\.){{1,8}}(?:{_TOP_DOMAIN})(?![\w-]|\.\w)(?::[0-9]{{1,5}}(?![0-9A-Za-z:]))?"
    rf"|(?=[A-Za-z-]{{0,62}}[0-9])(?:{_LABEL}\.){{2,8}}[a-z]{{2}}(?![\w-]|\.\w)"
    r"|(?:[a-z0-9][a-z0-9-]{0,62}\.){2,8}[a-z]{2,24}:[0-9]{1,5}(?![0-9A-Za-z:]))",
    "path": r"(?<![\w.<>~/\\])(?:~|\.{1,2})?/(?![0-9]{1,3}(?:\.[0-9]{1,3}){3})[^\s\"'<>,;:()\[\]{}|/*]"
    r"[^\s\"'<>,;:()\[\]{}|]*(?<![.?!])"
    r"|(?<![\w.<>/-])(?=[\w-]{0,64}[0-9./])[\w.-]{1,64}/[\w.-]{1,64}/[^\s\"'<>,;:()\[\]{}|]*(?<![.?!])"
    r"|(?<![A-Za-z0-9])[A-Za-z]:\\[^\s\"'<>|*?:,;]*|(?<!\\)\\\\[\w.$-]{1,64}\\[^\s\"'<>|*?:,;]+",
    "hex": r"0[xX][0-9a-fA-F]+(?![0-9A-Za-z])|(?<![0-9A-Za-z])(?:[0-9a-f]{32,}|f{8,31}|[0-9A-F]{32,}"
    r"|(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,31}"
    r"|(?=[0-9]*[A-F])(?=[A-F]*[0-9])[0-9A-F]{7,31})(?![0-9A-Za-z])",
    "duration": rf"(?<![\w.])(?:{_NUMBER}(?:{_DURATION_UNIT}|[mhd])){{1,6}}(?![0-9A-Za-z])",
    "size": rf"(?<![\w.]){_NUMBER}(?:{_SIZE_UNIT}|[kKMGT])(?![0-9A-Za-z])",
    "id": r"(?<![0-9A-Za-z])(?:(?=[0-9A-Za-z]{7})[A-Za-z]{0,24}[0-9]{1,24}(?:[A-Za-z]{1,24}[0-9]{1,24}){2}"
    r"|(?=[0-9A-Za-z]{12})[A-Za-z]{0,24}[0-9]{1,24}[A-Za-z]{1,24}[0-9]{1,24})[0-9A-Za-z]*",
    "num": rf"(?:(?<![^\s=:(,_\[{{\"'>#/@])[-+])?{_NUMBER}(?:[eE][-+][0-9]+)?",
}
TOKEN: Final = re.compile("|".join(f"(?P<{name}>{body})" for name, body in _TOKEN_BRANCHES.items()))
# A token without any of these characters holds nothing to mask.
SUSPECT: Final = re.compile(r"[0-9/\\@.]|(?:user|username|login)=|<masked:|<erased>")
DIGIT: Final = re.compile(r"[0-9]")
# Tokens whose mask may be another one if other digits stood in the same places.
DIGITS_MATTER: Final = re.compile(rf"(?i)[0-9]x|(?<![a-z])(?:{_COUNT_WORDS})[\"']?[=:]\s?[0-9]")

CODE_WORD: Final = re.compile(rf"(?i)\W*(?:\w+[.-])?(?:{_CODE_WORDS}|HTTP/(?:<num>|[0-9.]+))\W*")
COUNT_WORD: Final = re.compile(rf"(?i)\W*(?:{_COUNT_WORDS})\W*")
CODE: Final = re.compile(r"[^\w\s<>]{0,4}[0-9]{1,3}[^\w\s<>]{0,4}")
ZERO: Final = re.compile(r"[^\w\s<>]{0,4}0[^\w\s<>]{0,4}")
_LINKS: Final = frozenset({"=", ":", "is", "was", "of", "with", "->", "=>"})
_LEAST_LIST: Final = 3  # Two of a kind are more often two fields than a list.
_MOST_CODES: Final = 8  # Each multiplies what one line's text may become.

TIMES: Final = re.compile(
    rf"(?<![\w<])(?:{_DAY},? {_MONTH}  ?<num> <time>(?: [A-Z]{{3,4}}\b)?(?: <num>(?![\w<]))?"
    rf"|(?:{_DAY},? )?(?:{_MONTH}  ?<num>,?|<num> {_MONTH}|<num>-<num>)(?: <num>)? <time>)"
    r"|<time>(?: <time>)+|(?<=\[)<time> <num>(?=\])"
)
QUANTITIES: Final = re.compile(
    rf"(?<![^\s(=:\[<])(?:<num>|0) (?:(?P<duration>{_DURATION_UNIT})|(?P<size>{_SIZE_UNIT}))(?![\w<-])"
)
# Account names, where sshd and PAM put them; root is left standing since it tells more than any other name.
USERS: Final = re.compile(
    r"(?<=(?:for|lid) user )(?! ?(?:root\b|<user>)) ?[^\s\"']{1,64}(?=$| from | by | \[)"
    r"|(?<=(?:word|none|ures) for )(?!root\b|user\b|invalid\b|<user>)[^\s\"']{1,64}(?= from | \[)"
)
# "0 errors" and "40 errors" differ in kind; "worker 0 started" and "worker 40 started" do not.
BARE_ZERO: Final = re.compile(rf"(?<!\S)0(?!\S)(?! [a-zA-Z]{{2,30}}(?<!wa)(?<!ha)(?<!doe)s\b| {_TELLING})")

QUOTED: Final = re.compile(
    r"(?<![^\s=:(\[{,<>|])(?:\"(?P<double>(?:[^\"\\\n]|\\.){1,400})\"|'(?P<single>[^'\n]{1,400})')(?=[\s=:)\]},.;!?<>|]|$)"
)
QUOTED_INSIDE: Final = re.compile(r"(?<![^\s=:(\[{,])'[^'\n]{1,400}'(?=[\s=:)\]},.;!?]|$)")
# What stands before a quote whose words are the message itself, or one of a few fixed words.
TELLING_KEY: Final = re.compile(
    r"(?i)(?:msg|message|error|err|errors|reason|cause|detail|details|description|exception|exc|warning|level|lvl"
    r"|severity|status|state|event|result|outcome|action|method|text|log|title|summary|kind|type|logger|component)"
    r"[\"']?\s?[:=]\s?$"
)
JSON_KEY: Final = re.compile(r"\"\s?:\s?$")
TELLING_WORD: Final = re.compile(rf"{_TELLING}|(?:GET|POST|PUT|DELETE|HEAD|PATCH|OPTIONS|CONNECT) ")


def mask_token(token: str) -> str:
    """A token (text without blanks) with its variable parts replaced by placeholders."""
    return TOKEN.sub(_placeholder, token)


def _placeholder(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if kind == "masked":
        return "<email>" if found[0] == "<masked:email>" else "<str>"
    return found[0] if kind == "keep" else f"<{kind}>"


def code_positions(masked: list[str]) -> tuple[tuple[int, bool], ...]:
    """Where tokens stand whose number tells good from bad; True where only a zero does."""
    positions = []
    for index, token in enumerate(masked[:-1]):
        only_zero = COUNT_WORD.fullmatch(token) is not None
        if only_zero or CODE_WORD.fullmatch(token):
            linked = masked[index + 1] in _LINKS and index + 2 < len(masked)
            positions.append((index + 2 if linked else index + 1, only_zero))
    return tuple(positions[:_MOST_CODES])


def codes_at(positions: tuple[tuple[int, bool], ...], *, tokens: list[str]) -> tuple[str, ...]:
    """What is to stand at `code_positions` instead of a mask: the token where it is a short number, else nothing."""
    return tuple(
        [
            tokens[index] if (ZERO if only_zero else CODE).fullmatch(tokens[index]) else ""
            for index, only_zero in positions
        ]
    )


def mask_line(line: str, *, positions: tuple[tuple[int, bool], ...], codes: tuple[str, ...]) -> str:
    """A line of masked tokens with what spans tokens replaced too."""
    if BARE_ZERO.search(line):
        line = BARE_ZERO.sub("<num>", line)
    if positions:
        tokens = line.split(" ")
        for (index, _), code in zip(positions, codes, strict=True):
            tokens[index] = code or tokens[index]
        line = " ".join(tokens)
    line = QUANTITIES.sub(lambda found: f"<{found.lastgroup}>", line)
    line = TIMES.sub("<time>", line)
    line = USERS.sub("<user>", line)
    return _fold_lists(QUOTED.sub(_quoted, line))


def _fold_lists(line: str) -> str:
    """The same masked token three times and more in a row becomes one and `<more>`: lists have any length."""
    if line.count("<") < _LEAST_LIST:
        return line
    tokens: list[str] = []
    for kin, run in groupby(line.split(" "), key=_kin):
        same = list(run)
        if len(same) < _LEAST_LIST or not PLACEHOLDER.search(kin):
            tokens += same
        else:
            tokens += [next((token for token in same if "<hex>" in token), same[0]), "<more>"]
    return " ".join(tokens)


def _kin(token: str) -> str:
    """What tokens of one list share: some of its hexadecimal numbers may happen to have no letter."""
    return token.rstrip(",;").replace("<hex>", "<num>")


def _quoted(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - 40) : found.start()]
    after = found.string[found.end() : found.end() + 2].lstrip()
    body = found["double"] or found["single"]
    is_key = found["double"] is not None and after.startswith(":")
    is_sentence = " " in body and JSON_KEY.search(before)
    if is_key or is_sentence or TELLING_KEY.search(before) or TELLING_WORD.search(body):
        return QUOTED_INSIDE.sub("<str>", found[0]) if found["double"] is not None else found[0]
    return "<str>"
