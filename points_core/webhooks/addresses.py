"""Which addresses may be told: https, a host without tricks, and in the end a public IP address.

The written address is checked when a webhook is added, the IP address with each connection: names lead
elsewhere tomorrow.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from points_core.errors import InvalidSetting

MAX_URL: Final = 500  # characters

Address = IPv4Address | IPv6Address

PATH: Final = r"([/?][!$-;=?-\[\]_a-z~]*)?"
"""A path with its query, or none: visible ASCII without quotes, brackets and what browsers repair."""

# Stricter than any URL parser, so that no two parsers can read different hosts out of it
_URL: Final = re.compile(
    r"https://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?" + PATH,
    re.ASCII | re.IGNORECASE,
)
_SPECIAL: Final = tuple(  # which older Pythons take for public
    map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20", "64:ff9b:1::/48"))
)
_NAT64: Final = IPv6Network("64:ff9b::/96")  # an IPv4 address, for networks that have none


def clean_url(text: object) -> str:
    """Return `text` if it is an address that may be told: https, at most 500 visible ASCII characters.

    Raises InvalidSetting for anything else: another scheme, a name or password in it, a fragment, an IP
    address that is not public, `localhost`.
    """
    if not isinstance(text, str) or len(text) > MAX_URL:
        raise InvalidSetting("url", str(text)[:40], f"an https address of at most {MAX_URL} characters")
    found = _URL.fullmatch(text)
    if found is None:
        raise InvalidSetting("url", text[:40], "an https address, without user name, password or fragment")
    if found["port"] is not None and not 1 <= int(found["port"]) <= 65_535:
        raise InvalidSetting("url", text[:40], "an https address with a port from 1 to 65535")
    if not _may_be_public(found["host"].lower()):
        raise InvalidSetting("url", text[:40], "an address that can be reached from everywhere")
    return text


def host_of(url: str) -> str:
    """Return the host of an address that `clean_url` took; paths may hold secrets, hosts do not."""
    found = _URL.fullmatch(url)
    assert found is not None
    return found["host"].lower()


def is_public(address: Address) -> bool:
    """Return whether `address` belongs to the public internet: nothing private, local, reserved, multicast."""
    inner = _inside(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and (address.is_site_local or address.sixtofour is not None):
        return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )


def _inside(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if it stands for one."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _may_be_public(host: str) -> bool:
    try:
        return is_public(ip_address(host.strip("[]")))
    except ValueError:  # a name; [..] without an address in it is none
        local = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
        return not (local or host.startswith("[")) and "." in host
