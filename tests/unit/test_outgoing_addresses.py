"""What may be called: public addresses on the ports of the web, whatever form an address is written in."""

from ipaddress import ip_address

import pytest

from oddline.errors import NotConfigured, OutgoingRefused
from oddline.outgoing import Allowed, Outgoing, is_public

PUBLIC_4, PUBLIC_6 = "9.9.9.9", "2620:fe::9"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1.", "localhost", "LOCALHOST", "0.0.0.0", "0", "127.1", "127.0.1", "2130706433",
        "017700000001", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "0X7F.1", "0x", "①②⑦.⓪.⓪.①", "127。0。0。1",
        "１２７.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
        "169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "192.88.99.1",
        "198.18.0.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "[::]", "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::1]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[fe80::1]",
        "[fe80::1%25lo]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[3fff::1]",
        "[100::1]", "[5f00::1]", "[4000::1]",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_in_every_form(host: str) -> None:
    with pytest.raises(OutgoingRefused):
        Outgoing(Allowed()).request("GET", f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://{PUBLIC_4}/", "file:///etc/passwd", f"gopher://{PUBLIC_4}:80/", "javascript:alert(1)", "data:,x",
        "//host/", "host", "", f"https://user@{PUBLIC_4}/", f"https://user:secret@{PUBLIC_4}/", "http://",
        "http:///path", "https://[::1",
        "http://a b/", "http://exa mple.org/", f"http://{'a' * 64}.example/", f"http://{PUBLIC_4}:99999/",
        f"http://{PUBLIC_4}\\@127.0.0.1/", "http://127.0.0.1\t/",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(OutgoingRefused):
        Outgoing(Allowed()).request("GET", url)


@pytest.mark.parametrize("port", [1, 22, 25, 5432, 6379, 8080, 65535])
def test_a_port_that_is_not_the_webs_is_refused_at_a_public_address(port: int) -> None:
    with pytest.raises(OutgoingRefused, match=f":{port}"):
        Outgoing(Allowed()).request("GET", f"http://{PUBLIC_4}:{port}/")


def test_the_error_does_not_quote_what_may_hold_a_secret() -> None:
    with pytest.raises(OutgoingRefused) as raised:
        Outgoing(Allowed()).request("GET", "https://user:MARK1@10.0.0.1/MARK2?token=MARK3")
    with pytest.raises(OutgoingRefused) as also_raised:
        Outgoing(Allowed()).request("GET", "https://10.0.0.1/MARK2?token=MARK3")

    assert "MARK" not in f"{raised.value}{also_raised.value}"


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC_4, "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1",
        "223.255.255.255", PUBLIC_6, "2a00:1450:4001::1", f"::ffff:{PUBLIC_4}", f"64:ff9b::{PUBLIC_4}",
    ],
)  # fmt: skip
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("added", "host", "port", "address", "may_be_called"),
    [
        ("", "hooks.example", 443, PUBLIC_4, True),
        ("", "hooks.example", 8443, PUBLIC_4, False),
        ("10.1.0.0/16", "inside", 443, "10.1.2.3", True),
        ("10.1.0.0/16", "inside", 443, "::ffff:10.1.2.3", True),
        ("10.1.0.0/16", "inside", 8443, "10.1.2.3", False),
        ("10.1.0.0/16", "inside", 443, "10.2.2.3", False),
        ("10.1.0.0/16:8443", "inside", 8443, "10.1.2.3", True),
        ("10.1.0.0/16:8443", "inside", 443, "10.1.2.3", False),
        ("127.0.0.1:*", "localhost", 9, "127.0.0.1", True),
        ("127.0.0.1:*", "localhost", 9, "127.0.0.2", False),
        ("fd00::/8", "inside", 80, "fd12::1", True),
        ("[fd00::]/8:8443", "inside", 8443, "fd12::1", True),
        ("[fd00::]/8:8443", "inside", 8443, "fe80::1", False),
        ("idp.internal", "idp.internal", 443, "10.0.0.1", True),
        ("IDP.internal:8443", "idp.internal", 8443, "10.0.0.1", True),
        ("idp.internal", "other.internal", 443, "10.0.0.1", False),
        (":8443", "hooks.example", 8443, PUBLIC_6, True),
        (":8443", "inside", 8443, "10.0.0.1", False),
        (" 10.0.0.1 , idp.internal:8443 ", "idp.internal", 8443, "10.9.9.9", True),
        ("10.0.0.1", "hooks.example", 443, "no address", False),
    ],
)
def test_what_the_operator_adds_may_be_called(
    added: str, host: str, port: int, address: str, may_be_called: bool
) -> None:
    assert Allowed(added).covers(host=host, port=port, address=address) is may_be_called


@pytest.mark.parametrize(
    "added", ["10.0.0.0/99", "10.0.0.1/8", "host:port", ":", "https://idp.internal", "a b", "idp internal:1"]
)
def test_what_cannot_be_read_is_not_taken_for_nothing(added: str) -> None:
    with pytest.raises(NotConfigured, match="ODDLINE_OUTGOING_ALLOWED"):
        Allowed(added)
