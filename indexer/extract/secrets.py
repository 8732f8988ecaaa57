"""Masking secrets in what an image ran: build arguments, tokens, passwords in addresses."""

import re
from collections.abc import Mapping, Sequence

MASK = "***"

_SECRET = re.compile(r"token|secret|passw|passphrase|api[_-]?key|credential|private", re.IGNORECASE)
# Possessive, so that hostile text costs linear time: nothing is tried twice.
_NAME = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]{1,128}+)(?P<sign>["']?+(?:\s?+=\s?+|\s?+:(?=["'\s])\s?+|\s++))"""
)
_VALUE = re.compile(r"""(?:"(?:[^"\\]++|\\.)*+"?|'[^']*+'?|[^\s"';&|)]++)++""")
_DECLARED = re.compile(r"(?:\bENV|\bARG|\bLABEL)\s+$")
_USER_INFO = re.compile(r"://(?P<user>[^\s/@:]*+)(?P<password>:[^\s/@]*+)?@")
_SCHEME = re.compile(r"\b(?P<scheme>bearer|basic)\s++(?=[\w.~+/=-]{8})[\w.~+/=-]++", re.IGNORECASE)
_TOKEN = re.compile(r"\b(?:gh[oprsu]_|github_pat_|glpat-|xox[abprs]-|AKIA)[\w-]{10,}+")
_HARMLESS = {"", "true", "false", "yes", "no", "0", "1"}
_KEY_MAX = 256
_USER_MAX = 15
"""Characters of a user name in an address; what is longer is taken for a token."""


def is_secret_name(name: str) -> bool:
    """Tell whether a variable or option of this name looks as if it held a secret."""
    return _SECRET.search(name) is not None


def masked(text: str) -> str:
    """Return ``text`` with ``***`` for the values of names that look like secrets.

    Names are those before ``=``, of options, and of Dockerfile instructions; passwords in
    addresses, authorization headers and tokens of well-known forms are masked too.
    """
    text = _without_named(text) if _SECRET.search(text) else text
    text = _USER_INFO.sub(_address, text) if "://" in text else text
    text = _SCHEME.sub(rf"\g<scheme> {MASK}", text)
    return _TOKEN.sub(MASK, text)


def masked_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments of a command, each masked; an option's value may be the next one."""
    found: list[str] = []
    previous = ""
    for argument in arguments:
        follows_option = previous.startswith("-") and "=" not in previous
        is_value = follows_option and is_secret_name(previous) and not argument.startswith("-")
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
    while match := _NAME.search(text, position):
        position = match.end()
        if not is_secret_name(match["name"]) or not _assigns(text, match):
            continue
        value = _VALUE.match(text, position)
        if value is None or (match["sign"].isspace() and value[0].startswith("-")):
            continue
        pieces += (text[kept:position], MASK)
        position = kept = value.end()
    return "".join((*pieces, text[kept:]))


def _assigns(text: str, match: re.Match[str]) -> bool:
    """Tell whether what follows a name is its value: white space alone says so of few names."""
    if not match["sign"].isspace() or match["name"].startswith("-"):
        return True
    return _DECLARED.search(text, max(0, match.start() - 16), match.start()) is not None


def _address(match: re.Match[str]) -> str:
    user = match["user"]
    shown = user if len(user) <= _USER_MAX else MASK
    return f"://{shown}:{MASK}@" if match["password"] else f"://{shown}@"
