"""Blobs and their uploads, completely enough for docker, skopeo, podman and oras."""

import uuid

from starlette.requests import Request
from starlette.responses import Response

from indexer.model.media_types import OCTET_STREAM
from tests.fakes import answers
from tests.fakes.content import Content, digest_of
from tests.fakes.events import Target
from tests.fakes.routing import Post


class BlobRoutes:
    """The handlers of ``blobs`` and ``blobs/uploads``."""

    def __init__(self, content: Content, *, post: Post) -> None:
        self._content = content
        self._post = post
        self._uploads: dict[str, bytearray] = {}

    async def read(self, request: Request, name: str, digest: str) -> Response:
        """Answer a blob, if it belongs to this repository."""
        body = self._content.blob(name, digest)
        if body is None:
            raise answers.blob_unknown(digest)
        self._post(request, "pull", _target(name, digest, body))
        headers = {
            "Content-Length": str(len(body)),
            "Docker-Content-Digest": digest,
            "ETag": f'"{digest}"',
            "Cache-Control": "max-age=31536000",
        }
        content = b"" if request.method == "HEAD" else body
        return Response(content, headers=headers, media_type=OCTET_STREAM)

    async def delete(self, request: Request, name: str, digest: str) -> Response:
        """Take a blob out of a repository, even one that a manifest needs."""
        if self._content.blob(name, digest) is None:
            raise answers.blob_unknown(digest)
        self._content.get(name).blobs.discard(digest)
        self._post(request, "delete", Target(name, digest=digest))
        return Response(status_code=202)

    async def start(self, request: Request, name: str) -> Response:
        """Mount a blob, take a whole one in one request, or open an upload."""
        query = request.query_params
        if "mount" in query and (mounted := self._mount(request, name)):
            return mounted
        if "digest" in query:
            return self._finish(request, name, await request.body())
        upload = str(uuid.uuid4())
        self._uploads[upload] = bytearray()
        return self._progress(request, name, upload, status=202)

    async def status(self, request: Request, name: str, upload: str) -> Response:
        """Answer how much of an upload has arrived."""
        self._find(upload)
        return self._progress(request, name, upload, status=204)

    async def append(self, request: Request, name: str, upload: str) -> Response:
        """Take the next chunk of an upload; 416 for one out of its order."""
        received = self._find(upload)
        start = request.headers.get("content-range", "").partition("-")[0]
        if start and start != str(len(received)):
            return self._progress(request, name, upload, status=416)
        received += await request.body()
        return self._progress(request, name, upload, status=202)

    async def finish(self, request: Request, name: str, upload: str) -> Response:
        """Take the last chunk, if any, and keep the blob when its digest is right."""
        received = self._find(upload) + await request.body()
        del self._uploads[upload]
        return self._finish(request, name, bytes(received))

    async def cancel(self, request: Request, name: str, upload: str) -> Response:
        """Forget an upload."""
        self._find(upload)
        del self._uploads[upload]
        return Response(status_code=204)

    def _find(self, upload: str) -> bytearray:
        if upload not in self._uploads:
            message = "blob upload unknown to registry"
            raise answers.refused(404, "BLOB_UPLOAD_UNKNOWN", message)
        return self._uploads[upload]

    def _mount(self, request: Request, name: str) -> Response | None:
        digest = request.query_params["mount"]
        origin = request.query_params.get("from", "")
        body = self._content.blob(origin, digest)
        if body is None:
            return None
        self._content.add_blob(name, body)
        self._post(request, "mount", _target(name, digest, body, origin=origin))
        return _created(request, name, digest)

    def _finish(self, request: Request, name: str, body: bytes) -> Response:
        digest = digest_of(body)
        if request.query_params.get("digest") != digest:
            raise answers.digest_invalid()
        self._content.add_blob(name, body)
        self._post(request, "push", _target(name, digest, body))
        return _created(request, name, digest)

    def _progress(self, request: Request, name: str, upload: str, *, status: int) -> Response:
        headers = {
            "Location": f"{request.base_url}v2/{name}/blobs/uploads/{upload}?_state=opaque",
            "Docker-Upload-UUID": upload,
            "Range": f"0-{max(len(self._uploads[upload]) - 1, 0)}",
        }
        return Response(status_code=status, headers=headers)


def _target(name: str, digest: str, body: bytes, *, origin: str = "") -> Target:
    return Target(name, OCTET_STREAM, digest, len(body), from_repository=origin)


def _created(request: Request, name: str, digest: str) -> Response:
    location = f"{request.base_url}v2/{name}/blobs/{digest}"
    return Response(
        status_code=201, headers={"Location": location, "Docker-Content-Digest": digest}
    )
