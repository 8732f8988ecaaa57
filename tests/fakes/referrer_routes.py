"""The list of referrers of a digest, as registries make it that have the API."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from indexer.model import media_types
from tests.fakes.content import Repository, StoredManifest


def referrers_page(
    repository: Repository, subject: str, request: Request, *, size: int
) -> Response:
    """Return one page of the manifests that name ``subject``, whether it is there or not."""
    found = [
        _descriptor(manifest, json.loads(manifest.body))
        for digest, manifest in sorted(repository.manifests.items())
        if (json.loads(manifest.body).get("subject") or {}).get("digest") == subject
    ]
    start = int(request.query_params.get("after", "0"))
    page = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": found[start : start + size],
    }
    headers = {}
    if start + size < len(found):
        headers["Link"] = f'<{request.url.path}?after={start + size}>; rel="next"'
    return Response(json.dumps(page), headers=headers, media_type=media_types.OCI_INDEX)


def _descriptor(manifest: StoredManifest, body: dict[str, Any]) -> dict[str, Any]:
    artifact_type = body.get("artifactType") or body.get("config", {}).get("mediaType")
    return {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": len(manifest.body),
        "artifactType": artifact_type,
        "annotations": body.get("annotations", {}),
    }
