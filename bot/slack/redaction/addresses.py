"""Mail addresses, as they are and as people hide them, and addresses of machines."""

from __future__ import annotations

import ipaddress
import re

_LOCAL = r"[\w.+%'’&-]{1,64}"
_DOMAIN = r"(?:[\w-]{1,63}(?:\.|[\[({](?:dot|punkt|\.)[\])}])){1,8}[^\W\d_][\w-]{1,62}"
_DOT = r"(?:\.| ?[\[({] ?(?:dot|punkt|point|punto|\.) ?[\])}] ?| (?:dot|DOT|punkt|point|punto) )"
_SPELLED = rf"(?:<https?://[^<>|\s]{{1,100}}\|[^<>\s]{{1,100}}>|[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,6}})"
_MAIL: tuple[re.Pattern[str], ...] = (
    re.compile(r"<mailto:[^<>]*>"),
    re.compile(rf"(?:(?<![^\s<>(,;:=])\"[^\"\s@]{{1,64}}\"|\b{_LOCAL})[@＠]{_DOMAIN}"),
    re.compile(rf"\b[\w.+-]{{1,64}}%40{_DOMAIN}", re.IGNORECASE),
    re.compile(rf"\b[\w.+-]{{1,64}} @ ?{_DOMAIN}\b|\b[\w.+-]{{1,64}}@ {_DOMAIN}\b"),
    re.compile(
        r"\b[\w.+-]{1,64} ?(?:[\[({<]|&lt;) ?(?:at|@|ät|arroba|arobase|chez) ?(?:[\])}>]|&gt;) ?"
        rf"{_SPELLED}",
        re.IGNORECASE,
    ),
    re.compile(rf"\b[\w.+-]{{1,64}} (?:AT|arroba|arobase|klammeraffe) {_SPELLED}"),
)
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}(?:\.|\[\.\])){3}\d{1,3}(?![\w-]|\.\d)", re.ASCII)
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{6,39}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:]|\.\d)", re.ASCII
)
_NUMBERED = re.compile(
    r"(?i)(?<![a-z])(?:versi[oó]n|release|firmware|build|update|patch|ver\.?|v|oid|sections?|chapter|step|kapitel"
    r"|abschnitt|§)\b ?$"
)
"""What stands before four numbers that are no address."""
_LOOK_BACK = 12
_NETMASK = ("255.", "0.")


def hide_addresses(text: str) -> str:
    """Replace mail addresses and those of machines. What every machine calls itself stays."""
    for pattern in _MAIL:
        text = pattern.sub("[email]", text)
    text = _IPV6.sub(_ipv6, text)
    return _IPV4.sub(_ipv4, text)


def _ipv4(match: re.Match[str]) -> str:
    given = match.group()
    before = match.string[max(0, match.start() - _LOOK_BACK) : match.start()]
    if given.startswith(_NETMASK) or _NUMBERED.search(before):
        return given
    return "[ip]" if _is_somewhere(given) else given


def _ipv6(match: re.Match[str]) -> str:
    given = match.group()
    return "[ip]" if any(map(str.isdigit, given)) and _is_somewhere(given) else given


def _is_somewhere(given: str) -> bool:
    try:
        address = ipaddress.ip_address(given.replace("[.]", "."))
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)
