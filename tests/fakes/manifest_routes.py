"""Listings and manifests, as clients and crawlers request them from a registry."""

import json
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexer.model import media_types
from tests.fakes import answers
from tests.fakes.content import Content, StoredManifest, digest_of
from tests.fakes.events import Target
from tests.fakes.routing import Options, Post

PAGE_MAX = 1000
CATALOG_PAGE = 100
_JSON = "application/json; charset=utf-8"
_OCI_WORDS = {
    media_types.OCI_INDEX: ("OCI index", "OCI indexes"),
    media_types.OCI_MANIFEST: ("OCI manifest", "OCI manifests"),
}


class ManifestRoutes:
    """The handlers of ``_catalog``, ``tags/list`` and ``manifests``."""

    def __init__(self, content: Content, *, post: Post, options: Options) -> None:
        self._content = content
        self._post = post
        self._options = options

    async def catalog(self, request: Request) -> Response:
        """Answer with one page of at most 1000 repository names."""
        size = self._page_size(request, default=CATALOG_PAGE)
        last = request.query_params.get("last", "")
        names = self._content.names(after=last, with_empty=not self._options.v3)
        return _page(request, {"repositories": names[:size]}, names, size)

    async def tags(self, request: Request, name: str) -> Response:
        """Answer with the tags: all of them in any order, or sorted pages if tags are paged."""
        repository = self._content.get(name)
        if not repository.had_manifest:
            raise answers.name_unknown(name)
        tags = list(repository.tags)
        if not self._options.page_tags:
            return JSONResponse({"name": name, "tags": tags or None}, media_type=_JSON)
        last = request.query_params.get("last", "")
        tags = sorted(tag for tag in tags if tag > last)
        size = self._page_size(request, default=len(tags))
        shown: list[str] | None = tags[:size] if repository.tags else None
        return _page(request, {"name": name, "tags": shown}, tags, size)

    async def read(self, request: Request, name: str, reference: str) -> Response:
        """Answer a manifest, if the Accept header names its type; 304 if it is unchanged."""
        known = request.headers.get("if-none-match", "").strip('"')
        if known == reference:
            # Distribution does not look whether there is such a manifest at all.
            return Response(status_code=304)
        manifest = self._find(name, reference)
        if known == manifest.digest:
            return Response(status_code=304)
        tag = reference if manifest.digest != reference else ""
        # Distribution reports the pull before it looks at the Accept header.
        self._post(request, "pull", _target(name, manifest, tag=tag))
        manifest = self._acceptable(request, name, manifest, by_tag=bool(tag))
        headers = {
            "Content-Length": str(len(manifest.body)),
            "Docker-Content-Digest": manifest.digest,
            "ETag": f'"{manifest.digest}"',
        }
        body = b"" if request.method == "HEAD" else manifest.body
        return Response(body, headers=headers, media_type=manifest.media_type)

    async def write(self, request: Request, name: str, reference: str) -> Response:
        """Keep a manifest whose blobs and children are all here."""
        body = await request.body()
        digest = digest_of(body)
        tag = "" if ":" in reference else reference
        if not tag and reference != digest:
            raise answers.digest_invalid()
        media_type = request.headers.get("content-type", "").partition(";")[0]
        self._check(name, media_type, body)
        manifest = StoredManifest(digest, media_type, body)
        self._content.create(name).put(manifest, tag=tag)
        self._post(request, "push", _target(name, manifest, tag=tag))
        location = f"{request.base_url}v2/{name}/manifests/{digest}"
        headers = {"Docker-Content-Digest": digest, "Location": location}
        return Response(status_code=201, headers=headers)

    async def delete(self, request: Request, name: str, reference: str) -> Response:
        """Delete a manifest with all its tags; a tag alone only if that is switched on."""
        if ":" not in reference:
            return self._delete_tag(request, name, reference)
        if reference not in self._content.get(name).manifests:
            raise answers.refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
        tags = self._content.get(name).delete(reference)
        self._post(request, "delete", Target(name, digest=reference))
        for tag in tags:
            self._post(request, "delete", Target(name, tag=tag))
        return Response(status_code=202)

    def _delete_tag(self, request: Request, name: str, tag: str) -> Response:
        if not self._options.delete_by_tag:
            raise answers.digest_invalid()
        if self._content.get(name).tags.pop(tag, None) is None:
            raise _unknown(name, tag)
        self._post(request, "delete", Target(name, tag=tag))
        return Response(status_code=202)

    def _find(self, name: str, reference: str) -> StoredManifest:
        manifest = self._content.get(name).find(reference)
        if manifest is None:
            raise _unknown(name, reference)
        return manifest

    def _acceptable(
        self, request: Request, name: str, manifest: StoredManifest, *, by_tag: bool
    ) -> StoredManifest:
        """Return the manifest in a form that the Accept header allows; ``*/*`` is no wildcard."""
        header = ",".join(request.headers.getlist("accept"))
        accepted = {part.partition(";")[0].strip() for part in header.split(",")}
        if manifest.media_type in accepted:
            return manifest
        if manifest.media_type in _OCI_WORDS:
            one, many = _OCI_WORDS[manifest.media_type]
            message = f"{one} found, but accept header does not support {many}"
            raise answers.refused(404, "MANIFEST_UNKNOWN", message)
        if manifest.media_type == media_types.DOCKER_LIST and by_tag:
            if media_types.DOCKER_MANIFEST not in accepted:
                raise answers.refused(400, "MANIFEST_INVALID", "manifest invalid")
            return self._find(name, _amd64_child(manifest))
        return manifest

    def _check(self, name: str, media_type: str, body: bytes) -> None:
        """Refuse a body that is no manifest, or refers to content outside this repository."""
        try:
            parsed = json.loads(body)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict) or media_type not in media_types.MANIFEST_TYPES:
            raise answers.refused(400, "MANIFEST_INVALID", "manifest invalid")
        repository = self._content.get(name)
        config = [parsed["config"]] if "config" in parsed else []
        blobs = [entry["digest"] for entry in (*config, *parsed.get("layers", ()))]
        children = [entry["digest"] for entry in parsed.get("manifests", ())]
        missing = [digest for digest in blobs if digest not in repository.blobs]
        missing += [digest for digest in children if digest not in repository.manifests]
        if missing:
            code, message = "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"
            entries = (answers.ErrorEntry(code, message, digest) for digest in missing)
            raise answers.RefusedError(400, *entries)

    def _page_size(self, request: Request, *, default: int) -> int:
        """Return ``n``; 2.8.3 ignores a value that is no number, and 3.x refuses it."""
        text = request.query_params.get("n", "")
        if not text:
            return default
        if not text.isascii() or not text.isdigit():
            if self._options.v3:
                raise _bad_page(text)
            return default
        if int(text) > PAGE_MAX and request.url.path == "/v2/_catalog":
            raise _bad_page(int(text))
        return int(text)


def _bad_page(n: int | str) -> answers.RefusedError:
    message = "invalid number of results requested"
    return answers.refused(400, "PAGINATION_NUMBER_INVALID", message, {"n": n})


def _page(request: Request, body: dict[str, Any], items: list[str], size: int) -> Response:
    """Return one page, with a relative Link if more follows."""
    headers = {}
    if 0 < size < len(items):
        query = urlencode({"last": items[size - 1], "n": size})
        headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return JSONResponse(body, headers=headers, media_type=_JSON)


def _target(name: str, manifest: StoredManifest, *, tag: str) -> Target:
    return Target(name, manifest.media_type, manifest.digest, len(manifest.body), tag)


def _unknown(name: str, reference: str) -> answers.RefusedError:
    is_digest = ":" in reference
    detail = {"Name": name, "Revision": reference} if is_digest else {"Tag": reference}
    return answers.refused(404, "MANIFEST_UNKNOWN", "manifest unknown", detail)


def _amd64_child(manifest: StoredManifest) -> str:
    for entry in json.loads(manifest.body)["manifests"]:
        platform = entry.get("platform", {})
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return str(entry["digest"])
    raise answers.refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
