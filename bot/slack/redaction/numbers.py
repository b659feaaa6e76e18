"""Numbers that name an account, a card or a person to the state, told by their check digits or their name."""

from __future__ import annotations

import re
from collections.abc import Callable

from stdnum.ch import ssn as ahv
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.us import ssn

_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2} ?\d{2}(?:[ .–-]?[A-Za-z0-9]{4}){2,7}(?:[ .–-]?[A-Za-z0-9]{1,3})?"
    r"(?![A-Za-z0-9])"
)
# 13 to 19 digits in one piece, or grouped as cards are: 4-4-4-4, 4-6-5 and 4-6-4.
_CARD = re.compile(
    r"(?<![\w.])(?:\d{13,19}|\d{4}(?P<sign>[ ._–-]|  )\d{4}(?P=sign)\d{4}(?P=sign)\d{4}"
    r"|\d{4}[ -]\d{6}[ -]\d{4,5})(?!\w)",
    re.ASCII,
)
_NAMED_ID = re.compile(
    r"""(?ix)(?<![a-zäöüß-])
    (?P<name>
        ssn | social\ security(?:\ (?:number|no\.?))? | my\ social
      | steuer-?(?:id(?:-?nr\.?)?|identifikations-?nummer|nummer|nr\.?) | id-?nr\.?
      | (?:sozialversicherungs|rentenversicherungs|sv)-?(?:nummer|nr\.?)
      | (?:(?:personal)?ausweis|reisepass|führerschein)(?:-?nummer|-?nr\.?)? | pass-?(?:nummer|nr\.)
      | passport | passeport | pasaporte | driver'?s\ licen[cs]e | driving\ licen[cs]e | permis\ de\ conduire
      | nino | national\ insurance | ni\ (?:number|no\.?) | nhs
      | (?:n°\ ?|numéro\ de\ )?(?:sécurité\ sociale|sécu) | insee | carte\ d'identité | vitale
      | dni | seguridad\ social | codice\ fiscale | bsn | pesel | personnummer | personnr | aadhaar
      | (?-i:NIE|NIF|NSS|NIR|AHV|AVS|CPR|CPF|SIN|EGN|CNP|HETU)  # small, some of them are words
      | tax\ id | national\ id | identity\ card | id\ card
    )(?![a-zäöüß])
    (?:[ ]\([^()\n]{1,20}\))?
    (?:[ ](?:number|no\.?|nr\.?|nummer|número|numéro|n°|is|ist|lautet|est|es|,)){0,3}[ ]{0,2}[:=#]?[ ]{0,2}
    (?P<number>
        (?-i:(?=[A-Z]{0,6}[ ]?\d)(?=(?:[A-Z0-9 ./-]{0,6}?\d){5})[A-Z0-9](?:[ ./-]?[A-Z0-9]){5,21})[a-z]?
    )(?![\w@])
    """
)
_IDS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"(?<![\w.-])\d{3}-\d{2}-\d{4}(?![\w-])", re.ASCII), ssn.is_valid),
    (re.compile(r"(?<![\w.-])(?:\d{8}|\d{2}\.\d{3}\.\d{3})[ -]?[A-Z](?![\w-])", re.ASCII), dni.is_valid),
    (re.compile(r"(?<![\w.-])[XYZ][ -]?\d{7}[ -]?[A-Z](?![\w-])", re.ASCII), nie.is_valid),
    (
        re.compile(r"(?<![\w.-])[12] ?\d{2} ?[0-9]{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?![\w-])", re.ASCII),
        nir.is_valid,
    ),
    (re.compile(r"(?<![\w-])756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}(?![\w-])", re.ASCII), ahv.is_valid),
    (re.compile(r"(?<![\w-])[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?![\w-])"), codicefiscale.is_valid),
    (re.compile(r"(?<![\w.-])\d{2} \d{3} \d{3} \d{3}(?![\w-])", re.ASCII), idnr.is_valid),
    (
        re.compile(
            r"(?<![\w-])\d{2} ?(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2} ?[A-Z] ?\d{3}(?![\w-])", re.ASCII
        ),
        bool,
    ),
    (
        re.compile(
            r"(?<![\w-])[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![\w-])", re.ASCII
        ),
        bool,
    ),
)


def hide_numbers(text: str) -> str:
    """Replace numbers of accounts, cards and persons."""
    text = _IBAN.sub(_iban, text)
    text = _NAMED_ID.sub(_named, text)
    for pattern, test in _IDS:
        text = pattern.sub(_if(test, "[id]"), text)
    return _CARD.sub(_if(_is_card, "[card]"), text)


def _if(test: Callable[[str], bool], word: str) -> Callable[[re.Match[str]], str]:
    return lambda match: word if test(match.group()) else match.group()


def _named(match: re.Match[str]) -> str:
    whole = match.group()
    return whole[: match.start("number") - match.start()] + "[id]"


def _iban(match: re.Match[str]) -> str:
    """Hide an account number whose check digits are right (ISO 13616), and keep words that follow it."""
    pieces = re.split(r"([ .–-])", match.group())
    for count in range(len(pieces), 0, -2):
        account = "".join(pieces[:count:2]).upper()
        if len(account) >= 15:  # noqa: PLR2004 - Norway's, the shortest
            turned = account[4:] + account[:4]
            if int("".join(str(int(character, 36)) for character in turned)) % 97 == 1:
                return "[iban]" + "".join(pieces[count:])
    return match.group()


def _is_card(digits: str) -> bool:
    """Say whether first digits and Luhn check are a card's, so that other numbers mostly stay readable."""
    if not re.match(r"2[2-7]|[3-6]", digits):
        return False
    numbers = [int(character) for character in digits if character.isdigit()]
    doubled = [sum(divmod(2 * n, 10)) if i % 2 else n for i, n in enumerate(reversed(numbers))]
    return sum(doubled) % 10 == 0
