"""Secrets that show by themselves what they are: tokens of vendors, keys, headers, passwords in links."""

from __future__ import annotations

import re
from itertools import pairwise

_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|PuTTY-User-Key-File-\d:.*?(?:Private-MAC:[ \t]*[0-9a-f]*|\Z)"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{20,}",
    re.DOTALL,
)
_KEY_TAIL = re.compile(r"\A.*?-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----", re.DOTALL)
"""Of a key whose beginning was not read."""

_PREFIXES = (
    r"sk-(?:proj|ant|or|svcacct|admin)-[\w-]{8}",
    r"sk-(?=[a-z_-]{0,60}[A-Z0-9])[\w-]{16}",
    r"(?:sk|pk|rk|key)_(?:live|test|prod)_\w{8}",
    r"whsec_[\w+/=-]{8,}",
    r"AIza[\w-]{20}",
    r"GOCSPX-[\w-]{8}",
    r"ya29\.[\w.-]{8,}",
    r"1//0[\w-]{20}",
    r"gh[pousr]_\w{20}",
    r"github_pat_\w{20}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas|imt|ffct)-[\w.-]{16}",
    r"GR1348941[\w-]{16}",
    r"npm_[A-Za-z0-9]{30}",
    r"pypi-(?:AgE[\w-]{8}|(?=[A-Za-z_-]{0,60}\d)[\w-]{24})",
    r"SG\.[\w-]{16}[\w.-]*",
    r"(?:hf|api_org)_[A-Za-z0-9]{16}",
    r"hv[sbr]\.[\w-]{8}",
    r"s\.[A-Za-z0-9]{24}(?![\w.])",
    r"shp(?:at|ss|pa|ca|ua|tka)_[A-Za-z0-9]{8}",
    r"do[opr]_v1_[A-Za-z0-9]{8}",
    r"dckr_[op]at_[\w-]{8}",
    r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?![A-Za-z0-9])(?:[\s:/,;|]{1,3}[A-Za-z0-9/+]{40}(?![\w/+]))?",
    r"lin_(?:api|oauth)_\w{16}",
    r"secret_\w{40}",
    r"ntn_\w{30}",
    r"AT(?:ATT|CTT|STT|BB)[\w=-]{16,}",
    r"gl(?:sa|c)_[\w+/=-]{20,}",
    r"NR(?:AK|JS|II|RA|BR|SP)-[\w-]{8}",
    r"dapi[0-9a-z]{32}",
    r"sntry[su]_[\w+/=-]{16}",
    r"PMA[KT]-[\w-]{20}",
    r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{16}",
    r"sq0(?:csp|atp|idp)-[\w-]{16}",
    r"(?:SK|SG|CR)[0-9a-f]{32}(?![0-9a-f])",
    r"key-[0-9a-f]{32}",
    r"[0-9a-f]{32}-us\d{1,2}",
    r"(?:bot)?\d{8,10}:AA[\w-]{33}",
    r"(?:MT|Mz|Mj|Nj|Nz|ND|OD|OT|OH|NT)[\w-]{21,26}\.[\w-]{6}\.[\w-]{27}",
    r"figd_[\w-]{16}",
    r"(?:rubygems|rdme|sgp|phc|phx|nfp|sbp|pscale_\w{2,8}|gsk|r8|lsv2_\w{2}|tfp|ctp|fo1|fm2)_[\w-]{20}",
    r"re_[A-Za-z0-9]{6,10}_[A-Za-z0-9]{16}",
    r"pat[A-Za-z0-9]{14}\.[0-9a-f]{32}",
    r"(?:xkeysib|xsmtpsib|pplx|tskey-\w{3,6}|nvapi|pul|CFPAT|HRKU|p8e|duffel_live|FLWSECK_TEST|FLWSECK)-[\w-]{16}",
    r"dp\.(?:st|pt|ct|sa|scim|audit)\.[\w.-]{16}",
    r"LTAI[A-Za-z0-9]{16}",
    r"oy2[a-z0-9]{43}",
    r"A3-[A-Z0-9]{6}-[A-Z0-9-]{20}",
    r"AKCp[A-Za-z0-9]{20}",
    r"cmVmd[A-Za-z0-9]{40}",
    r"EAA[A-Z][A-Za-z0-9-]{40}",
    r"sl\.[\w-]{60}",
    r"00D[A-Za-z0-9]{12}![\w.]{40}",
    r"\w{3}\dQ~[\w.~-]{30}",
)
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("[private key]", _KEY_BLOCK),
    ("[private key]", _KEY_TAIL),
    ("[token]", re.compile(r"(?<![A-Za-z0-9])(?:(?:xoxe\.)?xox[a-z]-|xapp-)[\w%+/=.-]{8,}(?<!\.)")),
    ("[token]", re.compile(r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]{8,}")),
    ("[token]", re.compile(r"(?<=/api/webhooks/)\d{15,20}/[\w-]{20,}")),
    ("[token]", re.compile(r"(?<![\w-])(?:ops_)?eyJ[\w-]{8,}(?:\.[\w-]+){1,4}\.?")),
    ("[token]", re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_PREFIXES)})[\w-]*")),
    (
        "[token]",
        re.compile(
            r"(?i)(?:(?<=bearer )|(?<=bearer: ))(?:(?=[a-z.~+/_-]*\d)[\w.~+/-]{12,}|[\w.~+/-]{20,})=*"
        ),
    ),
    (
        "[token]",
        re.compile(r"(?i)(?<=authorization: basic )[\w+/]{8,}=*|(?<=authorization: token )[\w+/.~-]{8,}=*"),
    ),
    (
        "[token]",
        re.compile(r"(?i)(?<=authorization: )(?!(?:basic|token|bearer|digest|negotiate)\b)[\w+/.~-]{16,}=*"),
    ),
    ("[token]", re.compile(r"(?i)(?<=[?&;](?:sig|sid|key)=)[\w%+/.~-]{8,}=*")),
    ("[password]", re.compile(r"(?<=://)[^\s/:@<>|]{0,200}:[^\s/@<>|]{1,200}(?=@)")),
)
_OPAQUE = re.compile(r"(?<![\w/+=.%-])(?:[\w+-]{28,}={0,2}(?![\w.]*[(/])|[A-Za-z0-9/+]{40}(?![\w/+=.-]))")
_HEX = re.compile(r"[0-9A-Fa-f]+|\d+")
_FEW, _OFTEN, _LONG = 3, 0.4, 40


def hide_tokens(text: str) -> str:
    """Replace what is a credential by its own look."""
    for word, pattern in _RULES:
        text = pattern.sub(word, text)
    return _OPAQUE.sub(_opaque, text)


def _opaque(match: re.Match[str]) -> str:
    """Hide letters and digits that change so often as only chance does: two of five times at least."""
    run = match.group()
    kinds = ["digit" if c.isdigit() else "upper" if c.isupper() else "lower" for c in run if c.isalnum()]
    changes = sum(one != other for one, other in pairwise(kinds))
    plain = run.rstrip("=")
    if (
        len(plain) >= _LONG
        and plain.isalnum()
        and not _HEX.fullmatch(plain)
        and kinds.count("digit") >= 2 * _FEW
    ):
        return "[token]"  # words are not so long, and sums are hexadecimal
    mixed = all(kinds.count(kind) >= _FEW for kind in ("digit", "upper", "lower"))
    return "[token]" if mixed and changes >= len(kinds) * _OFTEN else run
