"""Reading manifests and blobs, and making sure that they are what was asked for.

A digest is over the exact bytes of the body, so content that does not match is not the content:
it is thrown away and asked for once more.
"""

from indexer.errors import InvalidValueError, TooLargeError, UnusableAnswerError
from indexer.model import (
    Content,
    Descriptor,
    Digest,
    ManifestKind,
    RepositoryName,
    can_verify,
    digest_of,
    media_types,
    one_line,
    parse_digest,
    parse_manifest,
    parse_tag,
)
from indexer.registry.auth import pull_scope
from indexer.registry.http import Exchange, Header, Question
from indexer.registry.responses import Answer, error_of, lasting

MANIFEST_MAX_BYTES = 4 * 1_024 * 1_024
BLOB_MAX_BYTES = 4 * 1_024 * 1_024
BLOB_REDIRECTS_MAX = 5
CONTENT_TYPE_MAX = 255
READS_MAX = 2
_VENDOR_TREE = "application/vnd."

_MANIFEST_HEADERS: tuple[Header, ...] = ((b"Accept", media_types.ACCEPT_MANIFESTS.encode()),)
_BLOB_HEADERS = ((b"Accept", b"*/*"),)


async def read_manifest(
    exchange: Exchange, repository: RepositoryName, reference: str, *, known: Digest | None
) -> Content | None:
    """Return what a tag or digest names, or None where that is still ``known``.

    It is as the registry sent it, checked against its digest.
    """
    expected = _digest_or_tag(reference)
    headers = _MANIFEST_HEADERS
    if known is not None and expected is None:
        # One strong tag: registries do not match weak ones or lists of them. Not for a digest: the
        # distribution registry says 304 to its own digest before it looks whether it has it.
        headers = (*headers, (b"If-None-Match", f'"{known}"'.encode()))
    question = Question(
        path=f"/v2/{repository}/manifests/{reference}",
        scope=pull_scope(repository),
        headers=headers,
        limit=MANIFEST_MAX_BYTES,
    )
    for _ in range(READS_MAX):
        answer = await exchange.get(question)
        if answer.status == 304 and known is not None:
            return None
        if answer.status != 200:
            raise error_of(answer, may_be_absent=True)
        digest = _manifest_digest(answer, expected)
        if digest is not None:
            return None if digest == known else _fetched(answer, digest)
    raise UnusableAnswerError(f"the content does not have its digest, twice: {answer}")


async def read_blob(
    exchange: Exchange, repository: RepositoryName, descriptor: Descriptor, *, limit: int
) -> bytes:
    """Return the content that ``descriptor`` points to."""
    digest = descriptor.digest
    path = f"/v2/{repository}/blobs/{digest}"
    if descriptor.size_bytes > limit:
        raise TooLargeError(f"{path}: {descriptor.size_bytes} bytes, the limit is {limit}")
    question = Question(
        path=path,
        scope=pull_scope(repository),
        headers=_BLOB_HEADERS,
        limit=limit,
        redirects=BLOB_REDIRECTS_MAX,
        leaves_host=True,
    )
    for _ in range(READS_MAX):
        answer = await exchange.get(question)
        if answer.status != 200:
            raise error_of(answer, may_be_absent=True)
        if _matches(answer.body, digest):
            return answer.body
    raise UnusableAnswerError(f"the content does not have its digest, twice: {answer}")


def _digest_or_tag(reference: str) -> Digest | None:
    """Return the digest that a reference is, None for a tag; nothing else may enter a path."""
    if ":" in reference:
        return parse_digest(reference)
    parse_tag(reference)
    return None


def _manifest_digest(answer: Answer, expected: Digest | None) -> Digest | None:
    """Return the digest of the manifest in ``answer``, None where it is not the one it should be.

    ``expected`` is the digest asked for, None when a tag was. The registry's own word for the
    digest is taken only where nobody can compute it: a signed manifest of schema 1 has the digest
    of its content without the signatures.
    """
    header = _header_digest(answer)
    if answer.content_type == media_types.SCHEMA1_SIGNED:
        if header is None and expected is None:
            raise lasting(f"a signed manifest without Docker-Content-Digest: {answer}")
        return (expected or header) if header in {None, expected or header} else None
    if expected is not None:
        return expected if _matches(answer.body, expected) else None
    if header is not None and can_verify(header):
        return header if _matches(answer.body, header) else None
    if not _looks_like_a_manifest(answer):
        raise UnusableAnswerError(f"no manifest: {answer}")
    return digest_of(answer.body)


def _looks_like_a_manifest(answer: Answer) -> bool:
    """Tell by type and shape, where no digest can tell; a proxy may answer ``{}`` to anything."""
    if answer.is_html:
        return False
    manifest = parse_manifest(answer.body, content_type=answer.content_type)
    return manifest.kind is not ManifestKind.OPAQUE or answer.content_type.startswith(_VENDOR_TREE)


def _header_digest(answer: Answer) -> Digest | None:
    try:
        return parse_digest(answer.headers.get("docker-content-digest", "").strip())
    except InvalidValueError:
        # Missing, or garbage, which says nothing about the content either.
        return None


def _matches(body: bytes, digest: Digest) -> bool:
    """Tell whether ``body`` has ``digest``, as far as its algorithm is known."""
    if not can_verify(digest):
        return True
    return digest_of(body, algorithm=digest.partition(":")[0]) == digest


def _fetched(answer: Answer, digest: Digest) -> Content:
    content_type = one_line(answer.headers.get("content-type", ""), limit=CONTENT_TYPE_MAX)
    return Content(digest=digest, content_type=content_type, body=answer.body)
