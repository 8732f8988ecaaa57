"""References pasted from anywhere: a command, an address, a line of a file.

A reference finds the image that it names. With both a tag and a digest the digest counts, as it
does in every client.
"""

import re

from indexer.model import And, Condition, Or, Path, Query, fold

HUB_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")
"""The host of names without a host; mirrors have its images under their own hosts."""
_HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128, "blake3": 64}
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?"
_REFERENCE = re.compile(
    rf"(?P<path>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-f]{6,128}))?",
    re.ASCII | re.IGNORECASE,
)
_ONLY_HOST = re.compile(_HOST, re.ASCII | re.IGNORECASE)
_DIGEST = re.compile(
    rf"(?:{'|'.join(_HEX_LENGTHS)}):[0-9a-f]{{1,128}}|[0-9a-f]{{64}}", re.ASCII | re.IGNORECASE
)
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
    if _DIGEST.fullmatch(bare):
        return digest_condition(bare)
    path = bare.strip("/").rstrip(_BEHIND)
    if bare.endswith("/") and re.search(r":\d+$", path) and _ONLY_HOST.fullmatch(path):
        return Condition("host", fold(path))
    found = _REFERENCE.fullmatch(path)
    if found is None or not (is_named or found["tag"] or found["digest"] or "/" in path):
        return None
    return _named(found)


def command(text: str) -> Query | None:
    """Return the query for the one reference in a pasted command or line; None for other text.

    Options are ignored, except ``--version`` of Helm, which is the tag.
    """
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
    return reference(f"{names[0]}:{version}" if version else names[0], is_named=True)


def digest_condition(text: str) -> Condition:
    """Return a condition on a digest, or on its beginning if it is not whole."""
    folded = fold(text)
    algorithm, colon, digits = folded.rpartition(":")
    is_whole = len(digits) >= _HEX_LENGTHS.get(algorithm if colon else "sha256", 64)
    return Condition("digest", folded, is_prefix=not is_whole)


def _address(text: str, *, scheme: str) -> Query | None:
    """Return the query for an address: of a web page, of a registry's API or of a client."""
    address = re.split(r"[?#]", text, maxsplit=1)[0].strip("/")
    api = _API_PATH.fullmatch(address)
    if api:
        sign = "@" if ":" in (api["reference"] or "") else ":"
        address = f"{api['host']}/{api['path']}"
        address += f"{sign}{api['reference']}" if api["reference"] else ""
    root = _API_ROOT.fullmatch(address)
    if root:
        address = root["host"]
    is_web = scheme in {"http", "https"}
    if _ONLY_HOST.fullmatch(address) and (is_web or _looks_like_host(address)):
        return Condition("host", fold(address))
    found = _REFERENCE.fullmatch(address)
    return _named(found, has_host=is_web) if found else None


def _named(found: re.Match[str], *, has_host: bool = False) -> Query:
    name = _name(fold(found["path"]), has_host=has_host)
    if found["digest"]:
        return And((name, digest_condition(found["digest"])))
    if found["tag"]:
        return And((name, Condition("tag", fold(found["tag"]))))
    return name


def _name(path: str, *, has_host: bool) -> Query:
    """Return the query for a name; its first part may be the host of a registry."""
    first, _, rest = path.partition("/")
    if rest and first in HUB_HOSTS:
        return _name(rest, has_host=False)
    if rest and first == "library" and "/" not in rest:
        return Or((Path(path), Condition("repo", rest)))
    if rest and (has_host or _looks_like_host(first)):
        on_host = And((Condition("host", first), Path(rest)))
        return on_host if ":" in first else Or((Path(path), on_host))
    return Path(path)


def _looks_like_host(text: str) -> bool:
    return text == "localhost" or "." in text or ":" in text
