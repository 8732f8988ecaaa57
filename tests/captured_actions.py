"""The expected effect of every recorded action: entries, refreshes and search results.

A target is ``repository:tag`` or ``repository@content``; contents have the names of
``tests.captures``. Long, because it is one table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.captures import Step, digest_of_name

WEBAPP_11 = digest_of_name("webapp-1.1")
REFERRERS = "team/webapp:sha256-" + WEBAPP_11.removeprefix("sha256:")
"""The tag of the list of referrers in a registry without an API for it; it is not shown."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An action: what it left in the registry, and what is to come of the recorded requests.

    ``dropped`` counts events of no interest; all others are kept, one for each place in ``due``.
    ``found`` are all tags of the repositories it names; all others are found as before. ``v2`` and
    ``v3`` are what is different in one version.
    """

    name: str
    dropped: int = 0
    pushes: str = ""
    deletes: str = ""
    blobs: str = ""
    asks: str = ""
    due: str = ""
    found: str = ""
    v2: Mapping[str, Any] = field(default_factory=dict)
    v3: Mapping[str, Any] = field(default_factory=dict)

    def of(self, version: str) -> "Expected":
        return replace(self, **(self.v3 if version.startswith("3") else self.v2))

    @property
    def step(self) -> Step:
        return Step(self.name, self.pushes, self.deletes, self.blobs, self.asks)


E = Expected
WEBAPP = "team/webapp:1.0=webapp-2.0 team/webapp:1.1=webapp-1.1"
ALSO = f"{WEBAPP} team/webapp:also-1.1=webapp-1.1"
STABLE = "team/webapp:stable=webapp-1.1"
MULTI = "team/multi=amd64 team/multi=arm64 team/multi=arm team/multi=attestation"
MULTI_DUE = "team/multi@amd64 team/multi@arm64 team/multi@arm team/multi@attestation"

ACTIONS = (
    E(
        "01-skopeo-push-oci",
        dropped=4,
        pushes="team/webapp:1.0=webapp-1.0",
        due="team/webapp:1.0",
        found="team/webapp:1.0=webapp-1.0",
    ),
    E(
        "02-skopeo-push-second-tag",
        dropped=4,
        pushes="team/webapp:1.1=webapp-1.1",
        due="team/webapp:1.1",
        found="team/webapp:1.0=webapp-1.0 team/webapp:1.1=webapp-1.1",
    ),
    E(
        "03-skopeo-repush-same-content",
        dropped=4,
        pushes="team/webapp:1.0=webapp-1.0",
        due="team/webapp:1.0",
    ),
    E(
        "04-skopeo-repush-tag-new-content",
        dropped=4,
        pushes="team/webapp:1.0=webapp-2.0",
        due="team/webapp:1.0",
        found=WEBAPP,
    ),
    E(
        "05-skopeo-push-docker-schema2",
        dropped=7,
        pushes="team/webapp-docker:1.1=webapp-docker",
        due="team/webapp-docker:1.1",
        found="team/webapp-docker:1.1=webapp-docker",
    ),
    # The registry refused the manifest, so that only mounted blobs are left.
    E("06-skopeo-push-docker-schema1", dropped=6, blobs="team/webapp-schema1"),
    E(
        "07-skopeo-push-index",
        dropped=12,
        pushes=f"{MULTI} team/multi:1.0=multi",
        due=f"{MULTI_DUE} team/multi:1.0",
        found="team/multi:1.0=multi",
    ),
    E(
        "08-skopeo-push-index-one-platform",
        dropped=5,
        pushes="team/multi-one:1.0=amd64",
        due="team/multi-one:1.0",
        found="team/multi-one:1.0=amd64",
    ),
    E(
        "09-skopeo-push-minimal",
        dropped=2,
        pushes="scratchy:latest=scratchy",
        due="scratchy:latest",
        found="scratchy:latest=scratchy",
    ),
    E(
        "10-skopeo-copy-between-repositories",
        dropped=9,
        pushes="mirror/deep/er/webapp:1.1=webapp-1.1",
        due="mirror/deep/er/webapp:1.1",
        found="mirror/deep/er/webapp:1.1=webapp-1.1",
    ),
    E("11-curl-mount-blob", dropped=1, blobs="team/mounted"),
    E(
        "12-curl-mount-blob-missing",
        asks=f"POST /v2/team/mounted/blobs/uploads/?mount=sha256:{'0' * 64}&from=team/webapp",
    ),
    E(
        "13-curl-put-manifest-by-tag",
        pushes="team/webapp:also-1.1=webapp-1.1",
        due="team/webapp:also-1.1",
        found=ALSO,
    ),
    E(
        "14-curl-put-manifest-by-digest",
        pushes="team/webapp=webapp-1.1",
        due="team/webapp@webapp-1.1",
    ),
    E("15-curl-put-manifest-missing-blobs", asks="PUT /v2/team/empty/manifests/1.0"),
    E("16-curl-put-manifest-invalid-tag", asks="PUT /v2/team/webapp/manifests/.bad"),
    E(
        "17-oras-push-helm-like",
        dropped=2,
        pushes="charts/mychart:0.1.0=chart",
        due="charts/mychart:0.1.0",
        found="charts/mychart:0.1.0=chart",
    ),
    E(
        "18-oras-push-artifact-type",
        dropped=2,
        pushes="docs/thing:1=doc",
        due="docs/thing:1",
        found="docs/thing:1=doc",
    ),
    E(
        "19-oras-push-untagged",
        dropped=2,
        pushes="docs/thing=doc-untagged",
        due="docs/thing@doc-untagged",
    ),
    E(
        "20-oras-attach-sbom",
        dropped=3,
        pushes=f"team/webapp=sbom {REFERRERS}=referrers",
        due=f"team/webapp@sbom {REFERRERS}",
    ),
    E(
        "21-oras-attach-signature",
        dropped=4,
        pushes=f"team/webapp=signature {REFERRERS}=more-referrers",
        due=f"team/webapp@signature {REFERRERS}",
    ),
    E("22-oras-discover", dropped=2),
    E(
        "23-oras-tag",
        dropped=1,
        pushes=STABLE,
        due="team/webapp:stable",
        found=f"{ALSO} {STABLE}",
    ),
    E(
        "24-oras-copy",
        dropped=6,
        pushes="copied/webapp:1.1=webapp-1.1",
        due="copied/webapp:1.1",
        found="copied/webapp:1.1=webapp-1.1",
    ),
    E(
        "25-buildah-push",
        dropped=2,
        pushes="team/built:1=built",
        due="team/built:1",
        found="team/built:1=built",
    ),
    E(
        "26-podman-push",
        dropped=2,
        pushes="team/podbuilt:1=podbuilt",
        due="team/podbuilt:1",
        found="team/podbuilt:1=podbuilt",
    ),
    E(
        "27-podman-push-docker-format",
        dropped=3,
        pushes="team/podbuilt-docker:1=podbuilt-docker",
        due="team/podbuilt-docker:1",
        found="team/podbuilt-docker:1=podbuilt-docker",
    ),
    E(
        "28-podman-manifest-push",
        dropped=3,
        pushes="team/plist=podbuilt team/plist:1=plist",
        due="team/plist@podbuilt team/plist:1",
        found="team/plist:1=plist",
    ),
    E(
        "29-umoci-push",
        dropped=2,
        pushes="team/umoci:1=umoci",
        due="team/umoci:1",
        found="team/umoci:1=umoci",
    ),
    E(
        "30-docker-push",
        dropped=4,
        pushes="team/dockered:1=dockered",
        due="team/dockered:1",
        found="team/dockered:1=dockered",
    ),
    E(
        "31-docker-push-second-tag",
        dropped=3,
        pushes="team/dockered:1=dockered team/dockered:2=dockered",
        due="team/dockered:1 team/dockered:2",
        found="team/dockered:1=dockered team/dockered:2=dockered",
    ),
    E(
        "32-docker-push-other-repository",
        dropped=4,
        pushes="other/dockered:1=dockered",
        due="other/dockered:1",
        found="other/dockered:1=dockered",
    ),
    E(
        "33-docker-build-push",
        dropped=4,
        pushes="team/dbuilt:1=dbuilt",
        due="team/dbuilt:1",
        found="team/dbuilt:1=dbuilt",
    ),
    E("34-docker-pull", dropped=5, v3={"dropped": 1}),
    E("35-docker-pull-again", dropped=1),
    E("36-docker-manifest-inspect", dropped=2),
    E("37-skopeo-pull", dropped=5),
    E("38-skopeo-pull-index", dropped=14),
    E("39-podman-pull", dropped=2),
    E("40-oras-pull", dropped=2),
    E("41-skopeo-inspect", dropped=2),
    E("42-skopeo-list-tags", asks="GET /v2/team/webapp/tags/list"),
    E("43-curl-head-manifest", dropped=1),
    E("44-curl-get-manifest-tag", dropped=1),
    E("45-curl-get-manifest-no-accept", dropped=2, v3={"dropped": 1}),
    E("46-curl-get-manifest-digest", dropped=1),
    E("47-curl-get-manifest-not-modified", asks="GET /v2/team/webapp/manifests/1.1"),
    E("48-curl-get-manifest-accept-any", dropped=1),
    E("49-curl-get-manifest-unknown", asks="GET /v2/team/webapp/manifests/nope"),
    E("50-curl-head-blob", dropped=1),
    E("51-curl-get-blob", dropped=1),
    E("52-curl-get-catalog-and-tags", asks="GET /v2/_catalog"),
    E(
        "53-curl-delete-by-tag",
        asks="DELETE /v2/team/webapp/manifests/also-1.1",
        v3={"due": "team/webapp:also-1.1", "found": f"{WEBAPP} {STABLE}"},
    ),
    E("54-curl-delete-by-tag-unknown", asks="DELETE /v2/team/webapp/manifests/also-1.1"),
    E(
        "55-oras-manifest-delete",
        dropped=2,
        deletes="charts/mychart@chart",
        due="charts/mychart@chart charts/mychart:0.1.0",
        found="charts/mychart",
    ),
    E(
        "56-skopeo-delete-tag-shared-digest",
        dropped=1,
        deletes="team/webapp@webapp-1.1",
        due="team/webapp@webapp-1.1 team/webapp:1.1 team/webapp:stable",
        found="team/webapp:1.0=webapp-2.0",
        v2={
            "due": "team/webapp@webapp-1.1 team/webapp:1.1 team/webapp:also-1.1 team/webapp:stable"
        },
    ),
    E(
        "57-skopeo-delete-index",
        dropped=1,
        deletes="team/multi@multi",
        due="team/multi@multi team/multi:1.0",
        found="team/multi",
    ),
    E(
        "58-curl-delete-by-digest",
        deletes="scratchy@scratchy",
        due="scratchy@scratchy scratchy:latest",
        found="scratchy",
    ),
    E("59-curl-delete-by-digest-again", asks=f"DELETE /v2/team/webapp/manifests/sha256:{'1' * 64}"),
    # It looks like the delete of a manifest, and is one of a blob that an image needs.
    E("60-curl-delete-blob", deletes="team/webapp@layer", due="team/webapp@layer"),
    E(
        "61-skopeo-push-after-delete",
        dropped=2,
        pushes="scratchy:latest=scratchy",
        due="scratchy:latest",
        found="scratchy:latest=scratchy",
    ),
)

LISTED_BY_TAG = "team/webapp:sha256-" + digest_of_name("webapp-1.0").removeprefix("sha256:")
USERS_AND_REFERENCES = (
    E(
        "users-and-references/alice-pushes-webapp",
        dropped=4,
        pushes="team/webapp:1.0=webapp-1.0",
        due="team/webapp:1.0",
        found="team/webapp:1.0=webapp-1.0",
    ),
    E(
        "users-and-references/bob-pushes-index",
        dropped=12,
        pushes=f"{MULTI} team/multi:1.0=multi",
        due=f"{MULTI_DUE} team/multi:1.0",
        found="team/multi:1.0=multi",
    ),
    E(
        "users-and-references/alice-attaches-sbom",
        dropped=3,
        pushes=f"team/webapp=sbom {LISTED_BY_TAG}=referrers",
        due=f"team/webapp@sbom {LISTED_BY_TAG}",
    ),
    E(
        "users-and-references/bob-deletes-index",
        dropped=1,
        deletes="team/multi@multi",
        due="team/multi@multi team/multi:1.0",
        found="team/multi",
    ),
)
