"""Secrets that only the words beside them give away: `pw: …`, "my password is …", "mot de passe : …".

What is said about a password stays ("my password is expired"), what is said as one goes. Where both could be
meant, it goes.
"""

from __future__ import annotations

import re

from bot.slack.redaction.ordinary_words import ORDINARY, SENTENCE, SMALL, STATES

_LOGIN_NAMES = (
    r"passwor[dt]|passwd|passphrase|passcode|\bpwd?\b|(?<![a-z])pwd|kennwort|zugangscode|wachtwoord"
    r"|(?<![a-z])pass(?=[ _]{0,2}[:=]| is | \S{0,30}\d)"
    r"|mots? de passe|\bmdp\b|contrase(?:ñ|n|&ntilde;)a|\bclave"
    r"|(?:wlan|wi-?fi|wpa2?|netzwerk)[ -]?(?:schlüssel|key|code)|code wi-?fi"
)
_KEY_NAMES = (
    r"secret(?:[ _-]?(?:access[ _-]?)?key)?|token|api[ _-]?key|credential|signature|\bjwt|jeton"
    r"|(?:access|account|private|encryption|signing|auth|master|session|shared|service)[ _-]?key"
    r"|session[_-]?id|phpsessid|jsessionid|connect\.sid"
    r"|api[ -]?schlüssel|clé (?:d')?api|clave (?:de |del )?api"
    r"|(?:licen[cs]e|product|serial|activation)[ _-]?key|lizenzschlüssel|produktschlüssel"
    r"|(?:recovery|backup|wiederherstellungs)[ -]?(?:code|key|schlüssel)"
)
_NAME = re.compile(rf"(?i)(?P<key>{_KEY_NAMES})|(?P<login>{_LOGIN_NAMES})")
_REST_OF_NAME = re.compile(r"(?:[_-]?[\w-]{1,30})?(?: d'accès)?")

_QUOTE = r"\"'`“”„‟«»‘’‚*"
_PREPOSITION = r"for|für|fürs|zum|zur|vom|von|to|of|du|de|del|de la|des|pour|para|am|im|on"
_IS = r"is|was|ist|war|hei(?:ß|ss)t|est|était|es|era|(?P<set>are|to|auf|en|à)"
_SAYS = re.compile(
    rf"\\?[{_QUOTE}]?"
    # up to four words between: "the password for the printer is", and with less trust "password we got is"
    rf"(?: (?:{_PREPOSITION}) (?:[^\s:=.,;?!]{{1,25}} ?){{1,4}}?"
    r"|(?P<far>(?: [^\s:=.,;?!\"'“„«`]{1,25}){1,4}?))??"
    r"(?:(?P<equals>\s{0,3}(?::=|=>|=)\s{0,3}|>|&gt;)"
    r"|(?P<colon>[ \t]{0,3}[:：](?![\w+-]{1,30}:)\s{0,3}|[ \t]{1,3}[–—-][ \t]{1,3})"  # but no :emoji:
    r"|(?P<named> (?:lautet|c[’']est)(?:[ \t]?:)?[ \t])"
    rf"|(?P<is>[ ,]{{1,2}}(?:{_IS})(?: now| jetzt| ahora)?(?P<is_colon>[ \t]?:)?\s{{1,2}}))"
    rf"(?P<quote>(?:\\?[{_QUOTE}]){{0,3}})",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(rf"\\?[{_QUOTE}]?\s{{1,3}}[(]?(?P<quote>(?:\\?[{_QUOTE}]){{0,3}})")
_PHRASE = re.compile(
    r"[ \t]{0,2}(?:[:=]| is:?)[ \t]{0,3}[\"'“„«`]?"
    r"(?P<value>(?:[^\s\"'“”«»`?]{2,30}[ \t-]){2,9}[^\s\"'“”«»`?]{2,30})[\"'”»`]?[ \t]*$",
    re.MULTILINE,
)
_TOKEN = re.compile(rf"(?!\[)[^\s<>|{_QUOTE}\\]{{2,400}}")
_QUOTED = re.compile(rf"[^\n{_QUOTE}]{{2,100}}?(?=\\?[{_QUOTE}])")
_NO_VALUE = re.compile(r"[A-Za-z_][\w.]*\(|[^\W\d_]+[:：]$")
"""A call in code, or the next label of a list."""
_LINE = re.compile(r"[^\n]{0,120}")
_ENDS = re.compile(
    r"[ \t]*(?:$|\n|[.,;!)/](?!\w)|[–—/-] | (?:but|and|y|und|aber|et|mais|pero|o|or|oder|ou)\b)"
)
_SIGN = re.compile(r"[\d!@#$%^&*+=~_]")
_MIXED = re.compile(r"(?=.*\d).*[^\W\d_]|.*\w[!#$%^&*+=~_@]\w")
_PAD = ".,;:!?)*_~"
_SHORTEST, _SHORTEST_LOGIN, _SHORTEST_KEY, _SHORTEST_PLAIN_KEY = 4, 6, 12, 8
_FEWEST_WORDS, _MOST_WORDS = 2, 10


def hide_passwords(text: str) -> str:
    """Replace what is said to be a password or a key."""
    parts, done = [], 0
    for name in _NAME.finditer(text):
        if name.start() >= done and (found := _told(text, name)):
            parts += [text[done : found[0]], "[secret]" if name["key"] else "[password]"]
            done = found[1]
    return "".join([*parts, text[done:]])


def _told(text: str, name: re.Match[str]) -> tuple[int, int] | None:
    """Return where the secret stands that this name announces, if it does."""
    rest = _REST_OF_NAME.match(text, name.end())
    place, is_login = rest.end() if rest else name.end(), name["login"] is not None
    if name.group().casefold() == "passphrase" and (phrase := _PHRASE.match(text, place)):
        return phrase.span("value")
    says = _SAYS.match(text, place)
    if says is not None and (end := _end(text, says, is_login=is_login)):
        return says.end(), end
    follows = _FOLLOWS.match(text, place)
    if follows is None:
        return None
    if follows["quote"] and is_login and (end := _quoted(text, follows.end())):
        return follows.end(), end
    token = _TOKEN.match(text, follows.end())
    return token.span() if token and _is_mixed(token, is_login=is_login) else None


def _end(text: str, says: re.Match[str], *, is_login: bool) -> int:
    """Return where the secret ends that begins behind this; 0 where what follows is a word like others."""
    if says["quote"] and not says["far"] and (end := _quoted(text, says.end())):
        return end
    token = _TOKEN.match(text, says.end())
    if token is None or _NO_VALUE.match(token.group()):
        return 0
    word = token.group().rstrip(_PAD)
    listed = says["colon"] or says["equals"] or says["is_colon"]
    if word.casefold() in ORDINARY or len(word) < 2:  # noqa: PLR2004 - no password is one letter
        return _passphrase(text, token) if is_login and listed else 0
    if _SIGN.search(word) and len(word) >= _SHORTEST:
        return token.end()
    if says["far"] and not says["equals"] and not _is_a_label(says):
        return 0
    return _plain(text, token, says, is_login=is_login)


def _plain(text: str, token: re.Match[str], says: re.Match[str], *, is_login: bool) -> int:
    """Do the same for a word of letters alone, which could be any."""
    if says["equals"]:
        return _passphrase(text, token) or token.end()
    if says["colon"] or says["is_colon"]:
        alone = text[token.end() : token.end() + 1] in {"", "\n"} and len(token.group()) >= _SHORTEST
        return _passphrase(text, token) or (token.end() if is_login or alone else 0)
    word = token.group().rstrip(_PAD)
    if says["set"] or (not is_login and len(word) < _SHORTEST_PLAIN_KEY):
        return 0
    return token.end() if says["named"] or _ENDS.match(text, token.start() + len(word)) else 0


def _is_a_label(says: re.Match[str]) -> bool:
    """Say whether the words between the name and a colon say whose it is: "mot de passe admin:"."""
    words = says["far"].casefold().split()
    return bool(says["colon"]) and len(words) == 1 and not ORDINARY.intersection(words)


def _quoted(text: str, start: int) -> int:
    """Return where the quotation ends that begins here; 0 where it does not end, or is a word like others."""
    quoted = _QUOTED.match(text, start)
    return quoted.end() if quoted and quoted.group().casefold().strip(_PAD) not in ORDINARY else 0


def _is_mixed(token: re.Match[str], *, is_login: bool) -> bool:
    """Say whether a word is long, and of letters with digits or signs between them."""
    word = token.group().rstrip(_PAD)
    least = _SHORTEST_LOGIN if is_login else _SHORTEST_KEY
    return len(word) >= least and "/" not in word and _MIXED.match(word) is not None


def _passphrase(text: str, token: re.Match[str]) -> int:
    """Return the end of several words that are no sentence, up to the line's end; 0 where they are one."""
    line = _LINE.match(text, token.start())
    words = [word.strip(_PAD).casefold() for word in line.group().split()] if line else []
    states = sum(word in STATES for word in words)
    if not _FEWEST_WORDS <= len(words) <= _MOST_WORDS or SENTENCE.intersection(words) or states > 1:
        return 0
    if len(words) == _FEWEST_WORDS and (states or SMALL.intersection(words)):
        return 0
    odd = any(not word or "/" in word or ":" in word for word in words)
    return line.end() if line and not odd else 0
