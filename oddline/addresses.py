"""Tell an address of a server that cannot be read before a driver quotes it, with its password, in an error."""

import re
from collections.abc import Sequence

from oddline.errors import NotConfigured

LAST_PORT = 65535

# RFC 3986, less strict where drivers are; several hosts as PostgreSQL has them.
_HOST = r"(?:\[[0-9a-fA-F:.]+\]|[^/?#@\s:,\[\]]*)(?::\d*)?"
_READABLE = re.compile(
    r"(?P<scheme>[a-z]+)://"
    r"(?:(?:[^/?#\s%]|%[0-9a-fA-F]{2})*@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?P<path>/[^/?#@\s]*)?(?:\?[^?#@\s]*)?"
)


def check_address(url: str, *, setting: str, schemes: Sequence[str], path: str = ".*") -> None:
    """Let `url` pass where every driver will read the same in it: `scheme://user:password@host:port/path?options`.

    Raises:
        NotConfigured: they will not; the error names the setting and nothing of what it holds.
    """
    read = _READABLE.fullmatch(url)
    is_readable = (
        read is not None
        and read["scheme"] in schemes
        and re.fullmatch(path, (read["path"] or "/")[1:])
        and all(int(port) <= LAST_PORT for port in re.findall(r":(\d+)(?:,|$)", read["hosts"]))
    )
    if not is_readable:
        raise NotConfigured(
            f"{setting} is not {schemes[0]}://user:password@host:port/…: write what is special in a password as in"
            " %2F (/), %23 (#), %3F (?), %25 (%) and %40 (@)"
        )
