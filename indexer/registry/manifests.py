"""Reading manifests and blobs, and verifying their digests.

A digest is made of the exact bytes of the body. Content with another digest is thrown away and
requested once more.
"""

from functools import partial

from indexer.errors import InvalidValueError, TooLargeError, UnusableAnswerError
from indexer.model import (
    Content,
    Descriptor,
    Digest,
    ManifestKind,
    RepositoryName,
    TagName,
    can_verify,
    digest_of,
    media_types,
    one_line,
    parse_digest,
    parse_manifest,
    parse_tag,
)
from indexer.registry.auth import pull_scope
from indexer.registry.bodies import without_holding
from indexer.registry.http import Exchange, Request
from indexer.registry.messages import Header
from indexer.registry.responses import Response, lasting, make_error

MANIFEST_MAX_BYTES = 4 * 1_024 * 1_024
BLOB_MAX_BYTES = 4 * 1_024 * 1_024
BLOB_REDIRECTS_MAX = 5
CONTENT_TYPE_MAX = 255
READS_MAX = 2
_VENDOR_TREE = "application/vnd."

MANIFEST_HEADERS: tuple[Header, ...] = ((b"Accept", media_types.ACCEPT_MANIFESTS.encode()),)
_BLOB_HEADERS = ((b"Accept", b"*/*"),)


async def read_manifest(
    exchange: Exchange, repository: RepositoryName, reference: str, *, known: Digest | None
) -> Content | None:
    """Return the manifest of a tag or digest; None if the registry says that it is ``known``.

    It is as the registry sent it; its digest is verified, and is ``known`` where the registry does
    not look at conditions.
    """
    expected = _digest_or_tag(reference)
    headers = MANIFEST_HEADERS
    if known is not None and expected is None:
        # One strong tag, because registries do not match weak ones or lists. Not for a digest: the
        # distribution registry answers 304 to a digest before it looks whether it has it.
        headers = (*headers, (b"If-None-Match", f'"{known}"'.encode()))
    request = Request(
        path=f"/v2/{repository}/manifests/{reference}",
        scope=pull_scope(repository),
        headers=headers,
        limit=MANIFEST_MAX_BYTES,
    )
    for _ in range(READS_MAX):
        response = await exchange.get(request)
        if response.status == 304 and known is not None:
            return None
        if response.status != 200:
            raise make_error(response, may_be_absent=True)
        digest = await without_holding(response.body, partial(_manifest_digest, response, expected))
        if digest is not None:
            return _make_fetched(response, digest)
    raise UnusableAnswerError(f"the content does not have its digest, twice: {response}")


async def head_manifest(
    exchange: Exchange, repository: RepositoryName, tag: TagName
) -> Digest | None:
    """Return the digest of a tag; None if HEAD does not tell it.

    An error without a body does not say enough, so the caller has to ask with GET then.
    """
    response = await exchange.get(
        Request(
            path=f"/v2/{repository}/manifests/{tag}",
            scope=pull_scope(repository),
            headers=MANIFEST_HEADERS,
            limit=MANIFEST_MAX_BYTES,
            method="HEAD",
        )
    )
    return _header_digest(response) if response.status == 200 else None


async def read_blob(
    exchange: Exchange, repository: RepositoryName, descriptor: Descriptor, *, limit: int
) -> bytes:
    """Return the content of ``descriptor``."""
    digest = descriptor.digest
    path = f"/v2/{repository}/blobs/{digest}"
    if (descriptor.size_bytes or 0) > limit:
        raise TooLargeError(f"{path}: {descriptor.size_bytes} bytes, the limit is {limit}")
    request = Request(
        path=path,
        scope=pull_scope(repository),
        headers=_BLOB_HEADERS,
        limit=limit,
        redirects=BLOB_REDIRECTS_MAX,
        leaves_host=True,
    )
    for _ in range(READS_MAX):
        response = await exchange.get(request)
        if response.status != 200:
            raise make_error(response, may_be_absent=True)
        if not response.is_own and not can_verify(digest):
            # Or any text of another host would be ours.
            raise lasting(f"the digest cannot be verified: {response}")
        if await without_holding(response.body, partial(_matches, response.body, digest)):
            return response.body
    raise UnusableAnswerError(f"the content does not have its digest, twice: {response}")


def _digest_or_tag(reference: str) -> Digest | None:
    """Return a reference as a digest, None for a tag; nothing else may be part of a path."""
    if ":" in reference:
        return parse_digest(reference)
    parse_tag(reference)
    return None


def _manifest_digest(response: Response, expected: Digest | None) -> Digest | None:
    """Return the digest of the manifest in ``response``; None if it is the wrong one.

    ``expected`` is the requested digest, None after a request for a tag. The header of the registry
    is trusted only if nobody can compute the digest: a signed manifest of schema 1 has the digest
    of its content without the signatures.
    """
    header = _header_digest(response)
    if response.content_type == media_types.SCHEMA1_SIGNED:
        if header is None and expected is None:
            raise lasting(f"a signed manifest without Docker-Content-Digest: {response}")
        return (expected or header) if header in {None, expected or header} else None
    if expected is not None:
        return expected if _matches(response.body, expected) else None
    if header is not None and can_verify(header):
        return header if _matches(response.body, header) else None
    if not _looks_like_a_manifest(response):
        raise UnusableAnswerError(f"no manifest: {response}")
    return digest_of(response.body)


def _looks_like_a_manifest(response: Response) -> bool:
    """Tell by type and form, if no digest can tell; a proxy may answer ``{}`` to everything."""
    if response.is_html:
        return False
    manifest = parse_manifest(response.body, content_type=response.content_type)
    return manifest.kind is not ManifestKind.OPAQUE or response.content_type.startswith(
        _VENDOR_TREE
    )


def _header_digest(response: Response) -> Digest | None:
    try:
        return parse_digest(response.headers.get("docker-content-digest", "").strip())
    except InvalidValueError:
        # Missing, or malformed; neither says anything about the content.
        return None


def _matches(body: bytes, digest: Digest) -> bool:
    """Tell whether ``body`` has ``digest``, as far as its algorithm is known."""
    if not can_verify(digest):
        return True
    return digest_of(body, algorithm=digest.partition(":")[0]) == digest


def _make_fetched(response: Response, digest: Digest) -> Content:
    content_type = one_line(response.headers.get("content-type", ""), limit=CONTENT_TYPE_MAX)
    return Content(digest=digest, content_type=content_type, body=response.body)
