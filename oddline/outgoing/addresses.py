"""Which addresses may be called: those of the public Internet on the ports of the web, and what the operator adds."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from oddline.errors import NotConfigured

Address = IPv4Address | IPv6Address

WEB_PORTS: Final = (80, 443)
ANY_PORT: Final = "*"

# IANA, "IPv4 Special-Purpose Address Registry" and "IPv4 Multicast": ipaddress.is_global changes with Python's version.
_NOT_PUBLIC_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/3",
            "168.63.129.16/32",  # public by its number, and the metadata of machines on Azure
        ),
    )
)  # fmt: skip
# All that is public in IPv6 is in here; within it what is not: Teredo and its neighbours, documentation, 6to4.
_UNICAST_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: how networks of IPv6 alone reach IPv4

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public Internet, whatever form it hides in."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _UNICAST_6 and not any(address in network for network in _NOT_PUBLIC_6)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What may be called: a network, else the addresses of a host, else of all hosts those that are public."""

    network: IPv4Network | IPv6Network | None = None
    host: str = ""
    port: str = ""

    def covers(self, *, host: str, port: int, address: Address) -> bool:
        if self.port != ANY_PORT and (str(port) != self.port if self.port else port not in WEB_PORTS):
            return False
        if self.network:
            return address in self.network
        return host == self.host if self.host else is_public(address)


class Allowed:
    """What may be called.

    Args:
        added: what the operator adds to public addresses on ports 80 and 443, with commas between: a network, an
            address or a host's name (whatever its addresses are), each with `:port` where it is another, `:*` for all;
            `:port` alone for that port of public addresses. IPv6 before a port is in brackets, as in `[fd00::]/8:8443`.

    Raises:
        NotConfigured: one of them cannot be read.
    """

    def __init__(self, added: str = "") -> None:
        self._rules = (_Rule(), *(_parse(item) for item in map(str.strip, added.split(",")) if item))

    def covers(self, *, host: str, port: int, address: str) -> bool:
        """Whether this address of the host may be called at the port; what is no address may not."""
        try:
            given = ip_address(address)
        except ValueError:
            return False
        if isinstance(given, IPv6Address) and given.ipv4_mapped:
            given = given.ipv4_mapped
        return any(rule.covers(host=host, port=port, address=given) for rule in self._rules)


def _parse(item: str) -> _Rule:
    if network := _network(item):
        return _Rule(network=network)
    place, colon, port = item.rpartition(":")
    if not colon:
        place, port = item, ""
    if (colon and port != ANY_PORT and not port.isdecimal()) or not (place or port):
        raise _unreadable(item)
    if network := _network(place.replace("[", "").replace("]", "")):
        return _Rule(network=network, port=port)
    if place and not _NAME.fullmatch(place.lower()):
        raise _unreadable(item)
    return _Rule(host=place.lower(), port=port)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _unreadable(item: str) -> NotConfigured:
    return NotConfigured(f"ODDLINE_OUTGOING_ALLOWED: {item!r} is no network, address or host, with or without a port")
