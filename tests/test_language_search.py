"""Every form of the query language, asked of a crawled registry: images, and repositories.

The tables list by hand what each query finds, so that the way from a registry's content to an
answer is right as a whole: extraction, documents, language and engine.
"""

from collections.abc import AsyncIterator

import pytest

from indexer.engines import IndexReader
from indexer.model.document import DocumentType
from indexer.model.event import Pull
from indexer.model.names import Digest, RepositoryName
from search_api.query import parse_query
from search_api.search.rewrite import choose_type, resolve_lineage
from tests.attachments import cosign_signature, list_tag
from tests.builders import helm_chart, image, index
from tests.indexer.stepping import Stepping, pushed
from tests.lineage_builders import layer_digests

pytestmark = pytest.mark.anyio

OCI = "org.opencontainers.image."
REVISION = "0123456789abcdef0123456789abcdef01234567"
ALPINE = image(seed="alpine", created="2024-02-03T00:00:00Z", env=("PATH=/bin",))
DESCRIBED = {
    f"{OCI}title": "Checkout",
    f"{OCI}description": "A reverse proxy before the shop's checkout",
    f"{OCI}version": "1.4.0",
    f"{OCI}vendor": "Example Corporation",
    f"{OCI}authors": "Ada Lovelace",
    f"{OCI}licenses": "Apache-2.0",
    f"{OCI}source": "https://git.example/shop/checkout.git",
    f"{OCI}revision": REVISION,
}
NEW_AMD = image(
    labels={"team": "payments", "stage": "prod"},
    env=("PATH=/bin", "JAVA_HOME=/opt/java"),
    ports=("8080/tcp",),
    entrypoint=("/bin/checkout",),
    cmd=("serve", "--fast"),
    volumes=("/data",),
    user="app",
    created="2026-01-15T12:00:00Z",
    seed="new",
    base=ALPINE,
)
NEW_ARM = image(architecture="arm64", labels={"team": "payments"}, seed="new", layers=3)
NEW = index([NEW_AMD, NEW_ARM], annotations=DESCRIBED, attestations=True)
OLD = image(
    labels={"team": "payments", "stage": "test"}, created="2025-05-01T00:00:00Z", seed="old"
)
NGINX = image(
    annotations={f"{OCI}description": "Web server, reverse-proxy: café", "tier": "edge"},
    created="2026-02-20T00:00:00Z",
    seed="nginx",
    layers=12,
)
WINDOWS = image(os="windows", os_version="10.0.20348.1", seed="win", created="2023-01-01T00:00:00Z")
CHART = helm_chart(
    "ingress",
    "4.2.0",
    "Ingress controller",
    keywords=["gateway", "load balancing"],
    maintainers=["Grace Hopper"],
    deprecated=True,
)
LOST = image(seed="lost", labels={"team": "search"})

NEW_TAG, OLD_TAG = "payments/checkout-api:1.4", "payments/checkout-api:1.3"
CHECKOUT, NGINX_TAG, ALPINE_TAG = {NEW_TAG, OLD_TAG}, "library/nginx:latest", "base/alpine:3.20"
CHART_TAG, WINDOWS_TAG, COPY_TAG = "charts/ingress:4.2.0", "tools/win_agent:v2", "nginx:copy"
EVERYTHING = {*CHECKOUT, NGINX_TAG, ALPINE_TAG, CHART_TAG, WINDOWS_TAG, COPY_TAG}
PLACES = [
    ("hub", "payments/checkout-api", "1.3", OLD),
    ("hub", "payments/checkout-api", "1.4", NEW),
    ("hub", "library/nginx", "latest", NGINX),
    ("hub", "base/alpine", "3.20", ALPINE),
    ("hub", "charts/ingress", "4.2.0", CHART),
    ("hub", "tools/win_agent", "v2", WINDOWS),
    ("mirror", "nginx", "copy", NGINX),
]
LAYER = layer_digests(ALPINE)[0]
ON_ALPINE = {NEW_TAG}
NGINXES = {NGINX_TAG, COPY_TAG}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def reader(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Stepping, IndexReader]]:
    """Two registries, crawled and indexed; a signature, pulls, and an image without its tag."""
    async with Stepping(tmp_path_factory.mktemp("language"), "hub", "mirror") as opened:
        hub = opened.registries["hub"]
        for registry, repository, tag, built in PLACES:
            opened.registries[registry].put(repository, built, tag=tag)
        hub.put("library/nginx", LOST, tag="latest")
        await bring_up_to_date(opened)
        hub.put("library/nginx", NGINX, tag="latest")
        hub.put("payments/checkout-api", cosign_signature(), tag=f"{list_tag(NEW)}.sig")
        at = opened.clock.now()
        opened.deliver(pushed("library/nginx", NGINX.digest, tag="latest", at=at), registry="hub")
        nginx = Pull(RepositoryName("library/nginx"), Digest(NGINX.digest))
        opened.journal.append([("hub", nginx)] * 20, received_at=at)
        await bring_up_to_date(opened)
        opened.move_pulls()
        await opened.index()
        live = opened.store.search_index.live()
        assert live is not None
        made = opened.engine.open_reader(live.generation)
        yield opened, made
        made.close()


async def bring_up_to_date(stepping: Stepping) -> None:
    for name in stepping.registries:
        await stepping.crawl(name)
    await stepping.index()


def found(
    reader: tuple[Stepping, IndexReader], text: str, asked: DocumentType = DocumentType.IMAGE
) -> set[str]:
    """Return the results: repositories, or images by repository and first tag."""
    stepping, index_reader = reader
    query = resolve_lineage(
        parse_query(text, now=stepping.clock.now()), stepping.store.lineage_keys
    )
    document_type = choose_type(query, asked)
    hits = index_reader.search(query, document_type=document_type, limit=100).hits
    if asked is DocumentType.REPOSITORY:
        return {hit.result["repository"] for hit in hits}
    return {
        f"{one['repository']}:{(one['tags'] or one['last_tags'])[0]}"
        for one in (hit.result for hit in hits)
    }


def repositories(images: set[str]) -> set[str]:
    return {one.partition(":")[0] for one in images}


# What each query finds among images; its repositories are those of these images.
FORMS: list[tuple[str, set[str]]] = [
    # Words
    ("", EVERYTHING),
    ("*", EVERYTHING),
    ("checkout", CHECKOUT),
    ("CHECKOUT api", CHECKOUT),
    ("cafe", NGINXES),
    ("heck", CHECKOUT),
    ("win_agent", {WINDOWS_TAG}),
    ("gateway", {CHART_TAG}),
    ("nothing", set()),
    # Phrases
    ('"reverse proxy"', {NEW_TAG, *NGINXES}),
    ('"proxy reverse"', set()),
    # Wildcards
    ("ngin*", NGINXES),
    ("*gress", {CHART_TAG}),
    ("w?b", NGINXES),
    ("check*api", CHECKOUT),
    ("payments/*", CHECKOUT),
    ("*/nginx", {NGINX_TAG}),
    ("tag:1.*", CHECKOUT),
    ("tag:?.4", {NEW_TAG}),
    ("label:team=*pay*", CHECKOUT),
    ("env:JAVA*", {NEW_TAG}),
    ("license:*", {NEW_TAG}),
    # Close spellings
    ("chekcout~", CHECKOUT),
    ("ngnix~", NGINXES),
    # Boolean
    ("nginx OR ingress", {*NGINXES, CHART_TAG}),
    ("nginx -copy", {NGINX_TAG}),
    ("NOT nginx", EVERYTHING - NGINXES),
    ("(nginx OR checkout) -tag:1.3", {*NGINXES, NEW_TAG}),
    ("nginx ingress", set()),
    # References
    ("payments/checkout-api", CHECKOUT),
    ("checkout-api:1.4", {NEW_TAG}),
    (f"checkout-api@{NEW.digest}", {NEW_TAG}),
    ("hub.test/payments/checkout-api:1.4", {NEW_TAG}),
    ("docker pull mirror.test/nginx:copy", {COPY_TAG}),
    (f"hub.test/library/nginx:latest@{NGINX.digest}", {NGINX_TAG}),
    ("mirror.test/payments/checkout-api", set()),
    # Identity
    ("name:checkout", CHECKOUT),
    ("repo:nginx", {COPY_TAG}),
    ("registry:mirror", {COPY_TAG}),
    ("registry:mirror.test", {COPY_TAG}),
    ("tag:latest", {NGINX_TAG}),
    (f"digest:{NGINX.digest}", NGINXES),
    (f"digest:{NEW_ARM.digest}", {NEW_TAG}),
    (f"digest:{NGINX.digest[:20]}", NGINXES),
    # What it is
    ("kind:helm", {CHART_TAG}),
    ("kind:image", EVERYTHING - {CHART_TAG}),
    ("type:application/vnd.cncf.helm.config.v1+json", {CHART_TAG}),
    ("artifact:application/vnd.cncf.helm.*", {CHART_TAG}),
    ("media:application/vnd.oci.image.index.v1+json", {NEW_TAG}),
    # Platforms
    ("arch:arm64", {NEW_TAG}),
    ("arch:aarch64", {NEW_TAG}),
    ("os:windows", {WINDOWS_TAG}),
    ("platform:linux/amd64", EVERYTHING - {CHART_TAG, WINDOWS_TAG}),
    # Metadata
    ("label:team=payments", CHECKOUT),
    ("label:stage", CHECKOUT),
    ("label:stage=test", {OLD_TAG}),
    ("annotation:tier=edge", NGINXES),
    ("annotation:tier", NGINXES),
    # Configuration
    ("env:JAVA_HOME", {NEW_TAG}),
    ("port:8080", {NEW_TAG}),
    ("port:8080/tcp", {NEW_TAG}),
    ("user:app", {NEW_TAG}),
    ("cmd:serve", {NEW_TAG}),
    ("entrypoint:checkout", {NEW_TAG}),
    ("volume:/data", {NEW_TAG}),
    # Described fields
    ("title:checkout", {NEW_TAG}),
    ("description:proxy", {NEW_TAG, *NGINXES}),
    ("version:1.4.0", {NEW_TAG}),
    ("vendor:example", {NEW_TAG}),
    ('vendor:"Example Corporation"', {NEW_TAG}),
    ("author:lovelace", {NEW_TAG}),
    ("author:hopper", {CHART_TAG}),
    ("license:apache-2.0", {NEW_TAG}),
    ("source:git.example/shop/checkout", {NEW_TAG}),
    ("source:https://git.example/shop/checkout.git", {NEW_TAG}),
    (f"revision:{REVISION}", {NEW_TAG}),
    (f"revision:{REVISION[:8]}", {NEW_TAG}),
    ("keyword:gateway", {CHART_TAG}),
    ('keyword:"load balancing"', {CHART_TAG}),
    # Ranges
    ("size:>1GB", set()),
    ("size:<1MiB", EVERYTHING),
    ("layers:>=12", NGINXES),
    ("layers:<3", {OLD_TAG, ALPINE_TAG, WINDOWS_TAG, CHART_TAG}),
    ("layers:3..4", {NEW_TAG}),
    ("created:2026-01", {NEW_TAG, CHART_TAG}),
    ("created:2026-01..", {NEW_TAG, CHART_TAG, *NGINXES}),
    ("created:<2024", {WINDOWS_TAG}),
    ("created:2023-01-01", {WINDOWS_TAG}),
    ("pushed:<7d", {NGINX_TAG}),
    ("pushed:>7d", set()),
    ("pulls:>10", {NGINX_TAG}),
    ("pulled:<1d", {NGINX_TAG}),
    # Lineage
    (f"layer:{LAYER}", {ALPINE_TAG, NEW_TAG}),
    ("base:alpine", ON_ALPINE),
    (f"base:{ALPINE.digest}", ON_ALPINE),
    ("baseof:checkout-api:1.4", {ALPINE_TAG}),
    # Facts
    ("is:signed", {NEW_TAG}),
    ("is:multiarch", {NEW_TAG}),
    ("is:deprecated", {CHART_TAG}),
    ("has:sbom", {NEW_TAG}),
    ("has:provenance", {NEW_TAG}),
    ("-is:signed kind:image", EVERYTHING - {NEW_TAG, CHART_TAG}),
    # Combinations
    ("arch:arm64 label:team=payments is:signed size:<1GB", {NEW_TAG}),
    ("proxy (label:team=payments OR annotation:tier=edge) -registry:mirror", {NEW_TAG, NGINX_TAG}),
    ('kind:image created:2025.. -tag:latest "reverse proxy"', {NEW_TAG, COPY_TAG}),
]


@pytest.mark.parametrize(("query", "expected"), FORMS)
async def test_a_form_finds_images(
    reader: tuple[Stepping, IndexReader], query: str, expected: set[str]
) -> None:
    assert found(reader, query) == expected


# Negation asks for repositories of which no image matches.
NEGATIVE = {
    "nginx -copy": {"library/nginx"},
    "(nginx OR checkout) -tag:1.3": {"library/nginx", "nginx"},
    "-is:signed kind:image": {"library/nginx", "nginx", "base/alpine", "tools/win_agent"},
}


@pytest.mark.parametrize(("query", "expected"), FORMS)
async def test_a_form_finds_the_repositories_of_those_images(
    reader: tuple[Stepping, IndexReader], query: str, expected: set[str]
) -> None:
    wanted = NEGATIVE.get(query, repositories(expected))
    assert found(reader, query, DocumentType.REPOSITORY) == wanted


@pytest.mark.parametrize(
    "query", ["tag:1.3 arch:arm64", "created:2025-05 is:signed", "label:stage=test env:JAVA_HOME"]
)
async def test_conditions_hold_for_one_image_or_for_any_of_a_repository(
    reader: tuple[Stepping, IndexReader], query: str
) -> None:
    assert found(reader, query) == set()
    assert found(reader, query, DocumentType.REPOSITORY) == {"payments/checkout-api"}


async def test_what_lost_its_tag_is_found_among_images_alone(
    reader: tuple[Stepping, IndexReader],
) -> None:
    assert found(reader, "is:untagged") == {"library/nginx:latest"}
    assert found(reader, "is:untagged label:team=search tag:latest") == {"library/nginx:latest"}
    assert found(reader, "label:team=search") == set()
