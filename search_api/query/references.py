"""References pasted from anywhere: a command, an address, a line of a file.

A reference finds the image that it names. With both a tag and a digest the digest counts, as it
does in every client.
"""

import re

from indexer.model import (
    And,
    Condition,
    Or,
    Path,
    Query,
    Reference,
    fold,
    is_host,
    is_whole_digest,
    looks_like_host,
    match_reference,
)

HUB_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")
"""The host of names without a host; mirrors have its images under their own hosts."""
_SCHEME = re.compile(r"(?P<name>[a-z][a-z0-9+.-]{0,30})://", re.ASCII | re.IGNORECASE)
_API_PATH = re.compile(
    r"(?P<host>[^/]+)/v2/(?P<path>.+)/(?:(?:manifests|blobs)/(?P<reference>[^/]+)|tags/list)"
)
_API_ROOT = re.compile(r"(?P<host>[^/]+)/v2(?:/_catalog)?")
# Signs around a reference in a sentence, a listing, a log or in code.
_BEFORE = "\"'`<{"
_BEHIND = "\"'`>}.,;:!…"

_COMMAND = re.compile(
    r"""(?:[$\#>]\s+)?(?:sudo\s+)?(?:
        (?:docker|podman|nerdctl)(?:\s+(?:image|manifest))?
            \s+(?:pull|push|run|create|inspect|history)
        |skopeo\s+inspect
        |crane\s+(?:pull|manifest|digest|config)
        |oras\s+(?:pull|discover|manifest\s+fetch)
        |helm\s+(?:pull|show\s+\w+|template|install)
        |cosign\s+(?:verify|tree)
        |FROM
        |image:
    )\s+(?P<rest>\S.*)""",
    re.VERBOSE | re.DOTALL,
)
_WITH_VALUE = {"--platform", "--version"}


def reference(text: str, *, is_named: bool = False) -> Query | None:
    """Return the query for the reference in a text; None if the text is no more than a word.

    ``is_named``: a command before it makes it a name, so that ``nginx`` is a reference too.
    """
    bare = text.lstrip(_BEFORE).rstrip(_BEHIND)
    scheme = _SCHEME.match(bare)
    if scheme:
        return _address(bare[scheme.end() :], scheme=scheme["name"].lower())
    path = bare.strip("/").rstrip(_BEHIND)
    if bare.endswith("/") and re.search(r":\d+$", path) and is_host(path):
        return Condition("host", fold(path))
    found = match_reference(path)
    if found is None or not (is_named or found.tag or found.digest or "/" in found.name):
        return None
    return _named(found)


def command(text: str) -> Query | None:
    """Return the query for the one reference in a pasted command or line; None for other text."""
    name = _name_in_command(text)
    return reference(name, is_named=True) if name else None


def pasted_reference(text: str) -> str | None:
    """Return the reference in a pasted command, address or word; None if there is none."""
    bare = (_name_in_command(text) or text).lstrip(_BEFORE).rstrip(_BEHIND)
    scheme = _SCHEME.match(bare)
    path = _read_address(bare[scheme.end() :]) if scheme else bare
    path = path.strip("/").rstrip(_BEHIND)
    return path if match_reference(path) else None


def _name_in_command(text: str) -> str | None:
    """Return the one name in a command; options are ignored, except ``--version`` of Helm."""
    match = _COMMAND.fullmatch(text.strip())
    if match is None:
        return None
    parts = match["rest"].split()
    if len(parts) > 2 and parts[-2].upper() == "AS":
        parts = parts[:-2]
    version = ""
    for option in [part for part in parts if part in _WITH_VALUE]:
        at = parts.index(option)
        version = parts[at + 1] if option == "--version" and at + 1 < len(parts) else version
        del parts[at : at + 2]
    names = [part for part in parts if not part.startswith("-")]
    if len(names) != 1:
        return None
    return f"{names[0]}:{version}" if version else names[0]


def digest_condition(text: str) -> Condition:
    """Return a condition on a digest, or on its beginning if it is not whole."""
    folded = fold(text)
    return Condition("digest", folded, is_prefix=not is_whole_digest(folded))


def _address(text: str, *, scheme: str) -> Query | None:
    """Return the query for an address: of a web page, of a registry's API or of a client."""
    address = _read_address(text)
    is_web = scheme in {"http", "https"}
    if is_host(address) and (is_web or looks_like_host(address)):
        return Condition("host", fold(address))
    found = match_reference(address)
    return _named(found, has_host=is_web) if found else None


def _read_address(text: str) -> str:
    """Return the reference in an address without its scheme, or the host alone."""
    address = re.split(r"[?#]", text, maxsplit=1)[0].strip("/")
    api = _API_PATH.fullmatch(address)
    if api:
        sign = "@" if ":" in (api["reference"] or "") else ":"
        address = f"{api['host']}/{api['path']}"
        address += f"{sign}{api['reference']}" if api["reference"] else ""
    root = _API_ROOT.fullmatch(address)
    return root["host"] if root else address


def _named(found: Reference, *, has_host: bool = False) -> Query:
    if not found.path:
        return digest_condition(found.digest)
    name = _name(fold(found.name), has_host=has_host)
    if found.digest:
        return And((name, digest_condition(found.digest)))
    if found.tag:
        return And((name, Condition("tag", fold(found.tag))))
    return name


def _name(path: str, *, has_host: bool) -> Query:
    """Return the query for a name; its first part may be the host of a registry."""
    first, _, rest = path.partition("/")
    if rest and first in HUB_HOSTS:
        return _name(rest, has_host=False)
    if rest and first == "library" and "/" not in rest:
        return Or((Path(path), Condition("repo", rest)))
    if rest and (has_host or looks_like_host(first)):
        on_host = And((Condition("host", first), Path(rest)))
        return on_host if ":" in first else Or((Path(path), on_host))
    return Path(path)
