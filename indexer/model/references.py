"""References: the names, tags and digests by which people and builders mean an image.

The grammar, in any case: ``[HOST/]PATH[:TAG][@DIGEST]``, or a digest alone. The beginning
of a digest stands for it. Slashes around a reference do not matter.
"""

import re
from dataclasses import dataclass

from indexer.errors import InvalidValueError
from indexer.model.names import COMPONENT, HEX_LENGTHS, TAG

_TEXT_SHOWN = 300
_HOST = r"(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?"
_PATH = rf"{COMPONENT}(?:/{COMPONENT})*"
# After a name, six digits are enough; at the beginning of a name they may stand for too much.
_DIGEST_OF_NAME = r"[a-z0-9]+:[0-9a-f]{6,128}"
_FLAGS = re.ASCII | re.IGNORECASE
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PATH})(?::(?P<tag>{TAG}))?(?:@(?P<digest>{_DIGEST_OF_NAME}))?",
    _FLAGS,
)
_DIGEST = re.compile(rf"(?:{'|'.join(HEX_LENGTHS)}):[0-9a-f]{{1,128}}|[0-9a-f]{{64}}", _FLAGS)
_SHA256 = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{12,64})", _FLAGS)
_ONLY_HOST = re.compile(_HOST, _FLAGS)

# The parts of a text that is no reference, each with what it should look like.
_LIKE = (
    ("name", re.compile(rf"(?:{_HOST}/)?{_PATH}", _FLAGS), "a name is like team/web"),
    ("tag", re.compile(TAG, re.ASCII), "a tag is like web:1.4, of letters, digits, '.', '_', '-'"),
    (
        "digest",
        re.compile(_DIGEST_OF_NAME, _FLAGS),
        "a digest is like web@sha256:0123ab, of six hexadecimal digits or more",
    ),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference as it was typed; a digest alone has no path.

    ``host`` is what clients take for one: the first part, where it has a dot or a port or is
    ``localhost``. Of any other the path may still begin with a registry's host or name.
    """

    host: str = ""
    path: str = ""
    tag: str = ""
    digest: str = ""
    """In full or its beginning; at the beginning of a digest alone there may be no algorithm."""

    @property
    def name(self) -> str:
        """The host and the path."""
        return f"{self.host}/{self.path}" if self.host else self.path


def parse_reference(text: str) -> Reference:
    """Return the parts of a reference; :class:`InvalidValueError` says what to type instead."""
    found = match_reference(text.strip())
    if found is None:
        raise InvalidValueError(f"not a reference: {text[:_TEXT_SHOWN]!r}: {_advice(text)}")
    return found


def match_reference(text: str) -> Reference | None:
    """Return the parts of a reference; None where a text is none."""
    text = text.strip("/")
    if _DIGEST.fullmatch(text):
        return Reference(digest=text)
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    first, slash, rest = match["name"].partition("/")
    host, path = (first, rest) if slash and looks_like_host(first) else ("", match["name"])
    return Reference(host, path, match["tag"] or "", match["digest"] or "")


def is_host(text: str) -> bool:
    """Tell whether a text can be a registry's host, with a port or without."""
    return _ONLY_HOST.fullmatch(text) is not None


def looks_like_host(text: str) -> bool:
    """Tell whether clients take the first part of a name for a host."""
    return text.lower() == "localhost" or "." in text or ":" in text


def digest_range(text: str) -> tuple[str, str] | None:
    """Return the first and the last SHA-256 digest that begin with a text of twelve digits or more.

    None for any other text: fewer digits would stand for too much.
    """
    match = _SHA256.fullmatch(text)
    if match is None:
        return None
    digits = match["hex"].lower()
    return f"sha256:{digits:0<64}", f"sha256:{digits:f<64}"


def _advice(text: str) -> str:
    """Return what is wrong with a text that is no reference."""
    name, at, digest = text.strip().strip("/").partition("@")
    # A colon in the first component belongs to a host with a port, if something follows it.
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    parts = {"name": f"{head}{slash}{last}", "tag": tag, "digest": digest}
    given = {"name": True, "tag": bool(colon), "digest": bool(at)}
    for part, pattern, like in _LIKE:
        if given[part] and not pattern.fullmatch(parts[part]):
            return like
    return "type a name, a name with a tag, or a digest"
