"""The Accept header that asks for every kind of manifest."""

from indexer.model import media_types
from indexer.model.manifest import ManifestKind, parse_manifest


def test_the_accept_header_is_one_list_in_the_order_registries_expect() -> None:
    assert media_types.ACCEPT_MANIFESTS.split(",") == [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.cncf.oras.artifact.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
    ]


def test_every_type_that_is_asked_for_can_be_read() -> None:
    for media_type in media_types.MANIFEST_TYPES:
        assert parse_manifest(b"{}", content_type=media_type).kind is not ManifestKind.OPAQUE
