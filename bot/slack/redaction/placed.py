"""Secrets that their place gives away: behind "PIN:", in a command's option, beside a user's name."""

from __future__ import annotations

import re

_IS = r"(?: (?:is|was|ist|war|lautet|est|es))?"
_CODE = r"(?P<value>(?<=[\s:=])\d{4,8})(?![\w-])"

_PLACES: tuple[re.Pattern[str], ...] = (
    re.compile(  # PIN: 4711
        r"(?i)(?:\bpin|\bpuk|\btan|passcode|zugangscode)(?:[ -]?(?:code|number|nummer|nr\.?))?"
        r"(?: (?:for|of|für|vom|von|de|du|del) (?:\w{1,12} ?){1,3})?"
        rf"{_IS}[ \t]{{0,2}}[:=]?[ \t]{{0,2}}{_CODE}"
    ),
    re.compile(  # door code: 4711
        r"(?i)(?:(?:door|gate|alarm|entry|access|security|verification|sms|2fa|auth)[ -]?code"
        r"|(?:tür|sicherheits|zugangs|alarm)[ -]?code|code de (?:la )?porte|código de (?:la )?puerta)"
        rf"{_IS}[ \t]?[:=]?[ \t]?{_CODE}"
    ),
    re.compile(  # ?key=a1b2c3d4
        r"(?i)(?:\b|_)key=[\"']?"
        r"(?P<value>(?=[^\s\d]{0,60}\d)(?=(?-i:[^\sa-z]{0,60}[a-z]))[^\s\"'&]{8,200})"
    ),
    re.compile(
        r"(?i)(?:schlüssel|\bclé|\bkey)[ \t]?:[ \t]?"
        r"(?P<value>(?=[^\s\d]{0,60}\d)(?=(?-i:[^\sa-z]{0,60}[a-z]))[^\s\"'&<>]{12,200})"
    ),
    re.compile(r"[a-z]Key[ \t]?=[ \t]?[\"']?(?P<value>(?=\D{0,60}\d)[^\s\"'<>|;]{8,200})"),
    re.compile(r"ConvertTo-SecureString[^\n\"']{0,40}[\"'](?P<value>[^\n\"']{1,100})"),
    re.compile(r"[A-Z0-9]_KEY[ \t]?[=:][ \t]?[\"']?(?P<value>[^\s\"'<>|]{6,200})"),
    re.compile(r"(?i)app[ -]?passw(?:or[dt])\b[^\n]{0,12}?(?P<value>\b[a-z]{4}(?: [a-z]{4}){3}\b)"),
    re.compile(  # creds: anna:…
        r"(?i)(?:creds?|credentials?|zugangsdaten|login)[ \t]?[:=][ \t]?[\w.@-]{1,64}:"
        r"(?P<value>[^\s/]{3,100})"
    ),
    re.compile(  # credentials: anna / Sommer-24
        r"(?i)(?:credentials?|zugangsdaten|anmeldedaten|logindaten|identifiants?|credenciales|login"
        r"|user(?:name)?/pass(?:word)?)[ \t]?[:=][ \t]?[^\s/]{1,64} ?/ ?(?P<value>[^\s/]{3,100})"
    ),
    re.compile(  # I use hunter2 as my password
        r"(?i)(?P<value>(?=[^\s\d]{0,50}\d)\S{4,50}) (?:as|als|comme|como|for|für) "
        r"(?:(?:my|the|our|mein|das|unser|mon|le|mi|la) )?(?:new |neues )?"
        r"(?:password|passwort|kennwort|mot de passe|contraseña)"
    ),
    re.compile(  # sshpass -p …, docker login -p …, mysql -p…
        r"(?:sshpass|docker login|podman login|mysql|mysqldump|mariadb|7z|zip|psql)\b[^\n]{0,80}? -[pP][ =]?"
        r"(?P<value>[^\s-]\S{2,100})"
    ),
    re.compile(r"(?:-u|--user|-U)[ =][\w.@\\-]{1,64}[:%](?P<value>[^\s\"']{2,100})"),  # curl -u anna:…
    re.compile(r"(?i)/user:\S{1,64} (?P<value>[^\s/*]\S{2,100})"),  # net use
    re.compile(
        r"(?i)--(?:password|pass|passwd|token|secret|api-key)[ =][\"']?"
        r"(?P<value>[^\s\"'-][^\s\"']{2,200})"
    ),
)


def hide_placed(text: str) -> str:
    """Replace what stands where a password or a code is given."""
    for pattern in _PLACES:
        text = pattern.sub(_value, text)
    return text


def _value(match: re.Match[str]) -> str:
    start, end = (place - match.start() for place in match.span("value"))
    whole = match.group()
    return whole if whole[start:end].startswith("[") else f"{whole[:start]}[password]{whole[end:]}"
