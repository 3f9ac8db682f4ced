"""Tell by a package's own words whether its text may be used in a work under any licence."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_PERMISSIVE: Final = re.compile(
    r"\b(?:mit|expat|x11|bsd|0bsd|apache|isc|psf|python software foundation|python-2\.0|postgresql|oldap|openldap|zope"
    r"|zpl|zlib|curl|hpnd|boost|bsl-1\.0|unlicense|cc0|public[- ]domain|ntp|openssh|unicode|blueoak)\b"
    r"|\b(?:mit|bsd|apache|isc|zlib|psf)(?=[-_ \d])"
)
_REFUSED: Final = re.compile(
    r"gpl|general public|sspl|business source|busl|commons clause|elastic|proprietary|commercial|mozilla|mpl|cddl|epl|"
    r"eclipse|ipl|cc-by|json|other|unlicensed|see license|artistic|openssl-old|non-?free"
)
_VERSION: Final = re.compile(r",?\s*(?:version|v\.?)\s*\d+(?:\.\d+)*")


@cache
def is_permissive(licence: str) -> bool:
    """Whether each part of a licence's name, or of one of its alternatives, is that of a permissive licence."""
    lowered = _VERSION.sub("", licence.lower())
    alternatives = re.split(r"\bor\b|\|", lowered)
    return any(
        all(_PERMISSIVE.search(part) and not _REFUSED.search(part) for part in _parts(alternative))
        for alternative in alternatives
        if alternative.strip(" ()")
    )


def _parts(alternative: str) -> list[str]:
    parts = [part for part in re.split(r"\band\b|[;,&]", alternative) if part.strip(" ()")]
    return parts or [alternative]


@dataclass(frozen=True, slots=True)
class Copyright:
    """A `debian/copyright` in DEP-5's form: which licence each file stands under, the last stanza that names it."""

    stanzas: tuple[tuple[re.Pattern[str], str], ...]

    @classmethod
    def parse(cls, text: str) -> "Copyright":
        """Read the `Files` stanzas; none where the file is free text."""
        stanzas = []
        for stanza in re.split(r"\n[ \t]*\n", text):
            fields = _fields(stanza)
            if "files" in fields and "license" in fields:
                globs = "|".join(_translated(one) for one in fields["files"].replace(",", " ").split())
                stanzas.append((re.compile(globs), fields["license"].partition("\n")[0].strip()))
        return cls(tuple(stanzas))

    @property
    def whole(self) -> str:
        """The licence of `Files: *`; empty where there is none."""
        return next((licence for glob, licence in self.stanzas if glob.pattern == ".*"), "")

    def of(self, path: str) -> str:
        """The licence of a file, by its path in the source package."""
        return next((licence for glob, licence in reversed(self.stanzas) if glob.fullmatch(path)), "")


def _translated(glob: str) -> str:
    """DEP-5's globs know only `*` and `?`, and both match slashes."""
    return re.escape(glob.removeprefix("./")).replace(r"\*", ".*").replace(r"\?", ".")


def _fields(stanza: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line[:1] in {" ", "\t"}:
            found[name] = f"{found.get(name, '')}\n{line.strip()}"
        elif ":" in line and not line.startswith("#"):
            name, _, value = line.partition(":")
            name = name.strip().lower()
            found[name] = value.strip()
    return found
