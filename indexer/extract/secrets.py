"""Masking secrets in what an image ran: build arguments, tokens, passwords in addresses."""

import re
from collections.abc import Iterator, Mapping, Sequence

MASK = "***"

_SECRET = re.compile(
    r"token(?!iz)|secret|passw|passphrase|passcode|credential|private"
    r"|(?:api|access|account|auth|encryption|signing|master)[_-]?key|_auth\b|(?<!old)pwd"
    r"|(?:^|[_.-]|store|key|db|user|root)pass$",
    re.IGNORECASE,
)
_DIRECTORIES = {"PWD", "OLDPWD"}
# What leads to a secret has one of these; looked for first, because that is quick.
_HINTS = ("token", "secret", "pass", "credential", "private", "pwd", "key", "auth", "ident", "sudo")
_HINT = re.compile("|".join(_HINTS))
_RUN = re.compile(r"[\w.-]++")
_RUN_BEFORE = re.compile(r"[\w.-]")
_SCHEMES = ("bearer", "basic", "authorization")
# Possessive, so that hostile text costs linear time: nothing is tried twice.
_NAME = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]{1,128}+)(?P<sign>["']?+(?:\s?+=\s?+|\s?+:(?=["'\s])\s?+|\s++))"""
)
_VALUE = re.compile(r"""(?:"(?:[^"\\]++|\\.)*+"?|'[^']*+'?|[^\s"';&|)]++)++""")
_DECLARED = re.compile(r"(?:\bENV|\bARG|\bLABEL)\s+$")
# Up to the last at sign: passwords contain them.
_USER_INFO = re.compile(r"""://(?P<user>[^\s/@:"']*+)(?:@|(?P<password>:[^\s/"']*)@)""")
_DSN = re.compile(r"\b(?P<user>[\w.-]{1,64}+):[^\s@/\"']{1,128}+@(?=(?:tcp|udp|unix)\()")
_SCHEME = re.compile(
    r"""(?P<scheme>\b(?:bearer|basic)|\bauthorization["']?\s?[:=]\s?["']?\w{1,20}+)"""
    r"\s++(?=[\w.~+/=-]{8})[\w.~+/=-]++",
    re.IGNORECASE,
)
# By their first letters, the frequent ones first: most places of a text are given up at once.
_PREFIXED = (
    r"e(?<![\w-]e)yJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?|tskey-[\w-]{16,}+|npm_[A-Za-z0-9]{20,}+",
    (
        r"s(?:k(?:_(?:live|test)_\w{10,}+|-[A-Za-z0-9][\w-]{18,}+)|hp(?:at|ss|ca|pa)_[A-Fa-f0-9]{16,}+"
        r"|q0\w{3}-[\w-]{16,}+|bp_\w{16,}+)"
    ),
    r"r(?:k_(?:live|test)_\w{10,}+|ubygems_[a-f0-9]{16,}+)|h(?:f_[A-Za-z0-9]{20,}+|v[sbr]\.[\w-]{16,}+)",
    r"d(?:ckr_[po]at_[\w-]{10,}+|o[opr]_v1_[a-f0-9]{16,}+|api[a-f0-9]{32}\b)|lin_api_\w{16,}+",
    r"pypi-[\w-]{20,}+|whsec_\w{16,}+|figd_[\w-]{16,}+",
    (
        r"g(?:h[oprsu]_[\w-]{10,}+|ithub_pat_[\w-]{10,}+|lsa_\w{16,}+"
        r"|l(?:pat|ptt|rt|dt|ft|soat|imt|agent|oas|cbt)-[\w-]{10,}+)"
    ),
    r"x(?:ox[abeprs]|app)-[\w-]{10,}+|ya29\.[\w-]{20,}+|SG\.[\w-]{16,}+\.[\w-]{16,}+",
    r"A(?:(?:KIA|SIA|BIA|CCA)[A-Z0-9]{12,}+|Iza[\w-]{30,}+|GE-SECRET-KEY-1\w{16,}+)",
    r"PMAK-[\w-]{16,}+|NRAK-[A-Z0-9]{16,}+",
)
# No boundary in front, which is looked for afterwards: then only first letters are tried.
_TOKEN = re.compile("|".join(_PREFIXED))
_HOOK = re.compile(
    r"(?P<place>hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/"
    r"|api\.telegram\.org/bot)[\w/:-]{8,}+"
)
_KEY_BLOCK = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10})-----"
    r".*?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)",
    re.DOTALL,
)
_WORD = r"""(?:"[^"]++"?|'[^']++'?|[^\s"';&|)]++)"""
_CLIENT = re.compile(r"\b(?:curl|wget|https?|l?ftp|aria2c|skopeo|oras|crane|svn)\b")
_USER_OPTION = re.compile(
    r"""(?P<option>(?<![\w-])(?:-[a-zA-Z]{0,6}u|-U|--(?:proxy-)?user|--(?:src-|dest-)?creds)"""
    r"""(?:\s++|=)?["']?)(?P<user>[^\s:"'/@=$-][^\s:"'/@=]{0,127}+):(?!//)[^\s"']++"""
)
# A program and its option whose value is a password; the two are close to each other.
_PROGRAMS = re.compile(
    r"""(?P<before>\b(?:(?:mysql|mariadb)[\w-]{0,20}+\b[^;&|\n]{0,200}?\s-p(?=[^\s])"""
    r"""|(?:sshpass|7za?)\b[^;&|\n]{0,40}?\s-p\s?"""
    r"""|(?:mongo\w{0,10}+|twine|login)\b[^;&|\n]{0,200}?\s-p\s?"""
    r"""|redis-cli\b[^;&|\n]{0,200}?\s-a\s++|(?:un)?zip\b[^;&|\n]{0,40}?\s-P\s?))"""
    rf"{_WORD}"
)
# The first letter is looked for before anything else, its boundary and the case of others after
# it: then a search tries few places.
_SAID = re.compile(
    r"""(?P<before>[PpTtSs\u017fAa](?<!\w.)(?i:(?<=p)(?:ass(?:word|phrase|code|wd)?|wd)"""
    r"""|(?<=t)oken|(?<=s)ecret|(?<=a)(?:pi|ccess)[ _-]?key)(?i:s?\s++(?:is|was|are)"""
    r"""(?:\s?:|\s++now)?\s++))(?P<value>"[^"]++"|'[^']++'|`[^`]++`|[^\s"'`]++)"""
)
_USUAL = re.compile(
    r"(?:a|an|the|not|no|never|always|only|also|too|in|on|at|by|for|from|of|to|as|via|per|with|your|this|that|it|its"
    r"|what|where|when|how|if|and|or|optional|empty|blank|valid|invalid|wrong|correct|secret|unset|unknown"
    r"|random|mandatory|read|given|kept|sent|known|shown|hidden|written|taken|chosen|made|set|put|there|here|now"
    r"|missing|available|case-sensitive|safe|secure|insecure|weak|strong|plain|null|none|true|false|required"
    r"|default|still|already|longer|shorter|long|short|at|least|must|up|then|being|absent|present|new|old|ok"
    r"|[a-z-]{2,30}(?:ed|ing|able|ible))[.,;:!?)]*",
    re.IGNORECASE,
)
_SQL = re.compile(
    r"""(?P<before>[IiPp\u0130\u0131](?<!\w.)(?i:(?<=i)dentified\s++by|(?<=p)assword)\s++)"""
    r"""(?:'[^']++'|"[^"]++")"""
)
_OPENSSL = re.compile(r"""(?P<before>\s-(?:pass(?:in|out)?|k)\s++["']?pass:)[^\s"']++""")
_CHPASSWD = re.compile(
    r"""(?P<user>[\w.$-]{1,64}+):[^\s"':|]{1,200}+(?=["']?\s*+(?:>\s*+\S{1,40}+\s*+)?\|\s*+(?:sudo\s++)?chpasswd)"""
)
_PIPED = re.compile(
    r"""(?P<before>\b(?:echo|printf)\s++(?:-\w{1,3}\s++)?)(?P<value>"[^"]++"|'[^']++'|[^\s"'|;&]++)"""
    r"""(?=\s*+\|[^|;&\n]{0,200}?(?:--password-stdin|passwd\b|sudo\s++-S))"""
)
_DOCKER_AUTH = re.compile(r"""(?P<before>["']auth["']\s*+:\s*+["'])[A-Za-z0-9+/=]{8,}+""")
_PREVIOUS_USER = {"-u", "-U", "--user", "--proxy-user", "--creds", "--src-creds", "--dest-creds"}
_HARMLESS = {"", "true", "false", "yes", "no", "0", "1"}
_KEY_MAX = 256
_USER_MAX = 15
"""Characters of a user name in an address; what is longer is taken for a token."""


def is_secret_name(name: str) -> bool:
    """Tell whether a variable or option of this name looks as if it held a secret."""
    if not _has_any(_HINTS, name.lower()):
        return False
    return _SECRET.search(name) is not None and name not in _DIRECTORIES


def masked(text: str) -> str:
    """Return ``text`` with ``***`` for the values of names that look like secrets.

    Names are those before ``=``, of options, and of Dockerfile instructions; passwords in
    addresses and of well-known programs, authorization headers, private keys, tokens of well-known
    forms and "the password is …" are masked too.
    """
    if "-----BEGIN" in text:
        text = _KEY_BLOCK.sub(rf"-----BEGIN \g<kind>-----{MASK}", text)
    lowered = text.lower()
    if _has_any(_HINTS, lowered):
        text = _without_hinted(text)
    if ":" in text:
        text = _without_users(text)
    if " -p" in text or " -P" in text or " -a" in text:
        text = _PROGRAMS.sub(rf"\g<before>{MASK}", text)
    if _has_any(_SCHEMES, lowered):
        text = _SCHEME.sub(rf"\g<scheme> {MASK}", text)
    return _TOKEN.sub(_token, text)


def _has_any(words: Sequence[str], lowered: str) -> bool:
    # No generator: this is asked for each text and each name.
    for word in words:  # noqa: SIM110
        if word in lowered:
            return True
    return False


def _without_hinted(text: str) -> str:
    """Return ``text`` without the values that a word such as "password" leads to."""
    text = _SAID.sub(_said, text)
    if "'" in text or '"' in text:
        text = _SQL.sub(rf"\g<before>{MASK}", text)
    if "|" in text:
        if "chpasswd" in text:
            text = _CHPASSWD.sub(rf"\g<user>:{MASK}", text)
        text = _PIPED.sub(_piped, text)
    if "pass:" in text:
        text = _OPENSSL.sub(rf"\g<before>{MASK}", text)
    return _without_named(text)


def _without_users(text: str) -> str:
    """Return ``text`` without the passwords that follow a user and a colon."""
    if "://" in text:
        text = _USER_INFO.sub(_address, text)
        text = _HOOK.sub(rf"\g<place>{MASK}", text)
    if "@tcp(" in text or "@udp(" in text or "@unix(" in text:
        text = _DSN.sub(rf"\g<user>:{MASK}@", text)
    if "auth" in text:
        text = _DOCKER_AUTH.sub(rf"\g<before>{MASK}", text)
    if "-" in text and ("creds" in text or _CLIENT.search(text)):
        text = _USER_OPTION.sub(rf"\g<option>\g<user>:{MASK}", text)
    return text


def masked_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments of a command, each masked; an option's value may be the next one."""
    found: list[str] = []
    previous = ""
    is_client = any(_CLIENT.search(argument[:_KEY_MAX]) for argument in arguments[:2])
    for argument in arguments:
        follows_option = previous.startswith("-") and "=" not in previous
        is_value = follows_option and is_secret_name(previous) and not argument.startswith("-")
        if is_client and previous in _PREVIOUS_USER and ":" in argument:
            found.append(f"{argument.partition(':')[0]}:{MASK}")
        elif is_client and argument.startswith("-"):
            found.append(masked(_USER_OPTION.sub(rf"\g<option>\g<user>:{MASK}", argument)))
        else:
            found.append(MASK if is_value else masked(argument))
        previous = argument
    return tuple(found)


def masked_pairs(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return labels or annotations with their values masked.

    The last part of a key tells whether the value is a secret; yes and no never are.
    """
    return {
        key: MASK if _is_secret_pair(key, value) else masked(value) for key, value in pairs.items()
    }


def _is_secret_pair(key: str, value: str) -> bool:
    if not is_secret_name(key[-_KEY_MAX:]) or value.strip().lower() in _HARMLESS:
        return False
    return is_secret_name(re.split(r"[./]", key[-_KEY_MAX:])[-1])


def _without_named(text: str) -> str:
    pieces: list[str] = []
    position = kept = 0
    for match in _hinted_names(text):
        if match.start() < position or not is_secret_name(match["name"]):
            continue
        if not _assigns(text, match):
            continue
        value = _VALUE.match(text, match.end())
        if value is None or (match["sign"].isspace() and value[0].startswith("-")):
            continue
        pieces += (text[kept : match.end()], MASK)
        position = kept = value.end()
    return "".join((*pieces, text[kept:]))


def _hinted_names(text: str) -> Iterator[re.Match[str]]:
    """Yield the names that hold a hint, with what follows them: of most texts, few of all."""
    lowered = text.lower()
    if len(lowered) != len(text):
        yield from _NAME.finditer(text)
        return
    done = 0
    for hint in _HINT.finditer(lowered):
        start = hint.start()
        if start < done:
            continue
        while start > done and _RUN_BEFORE.match(text, start - 1):
            start -= 1
        done = next(_RUN.finditer(text, start)).end()
        if match := _NAME.match(text, start):
            yield match


def _assigns(text: str, match: re.Match[str]) -> bool:
    """Tell whether what follows a name is its value: white space alone says so of few names."""
    if not match["sign"].isspace() or match["name"].startswith("-"):
        return True
    return _DECLARED.search(text, max(0, match.start() - 16), match.start()) is not None


def _said(match: re.Match[str]) -> str:
    """Mask what a password is said to be, but not the words that mostly follow."""
    is_usual = _USUAL.fullmatch(match["value"]) is not None
    return match[0] if is_usual else f"{match['before']}{MASK}"


def _piped(match: re.Match[str]) -> str:
    """Mask what is piped into a program that reads a password; a variable is none."""
    is_variable = match["value"].strip("\"'").startswith("$")
    return match[0] if is_variable else f"{match['before']}{MASK}"


def _token(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()]
    return match[0] if before.isalnum() else MASK


def _address(match: re.Match[str]) -> str:
    user = match["user"]
    shown = user if len(user) <= _USER_MAX else MASK
    return f"://{shown}:{MASK}@" if match["password"] else f"://{shown}@"
