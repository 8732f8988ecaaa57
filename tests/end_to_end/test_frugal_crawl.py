"""A first crawl reads each manifest and each config once, whatever runs side by side."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from indexer.registry import USER_AGENT
from tests.builders import BuiltManifest, image, index
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.versions import on_both
from tests.push import Push, push_many

REPOSITORIES = 4
VERSIONS = 6


@dataclass(frozen=True, slots=True)
class Reads:
    """What a crawl read, and how often."""

    requests: int
    heads: int
    manifests: int
    configs: int


@on_both
def test_aliases_of_indexes_cost_no_second_read_of_a_manifest_or_config(
    deployment: Deployment, figure: Callable[[str], None]
) -> None:
    items = list(_aliased())
    reads = _crawl(deployment, items)
    manifests = {(item.repository, one) for item in items for one in _manifests(item.built)}
    configs = {one for item in items for one in _configs(item.built)}
    figure(
        f"first crawl of {len(items)} tags: {reads.manifests} manifests and {reads.configs} configs"
        f" read of {len(manifests)} and {len(configs)} distinct, {reads.heads} HEAD,"
        f" {reads.requests} requests in all"
    )
    assert reads.manifests == len(manifests)
    assert reads.configs == len(configs)
    assert deployment.service.search("", "image").total == len(
        {(item.repository, item.built.digest) for item in items}
    )


@on_both
def test_tags_with_a_digest_of_their_own_cost_no_request_more(
    deployment: Deployment, figure: Callable[[str], None]
) -> None:
    items = [
        Push(f"own/r{repository}", image(seed=f"{repository} {tag}", layers=1), f"1.{tag}.0")
        for repository in range(REPOSITORIES)
        for tag in range(VERSIONS)
    ]
    reads = _crawl(deployment, items)
    figure(
        f"first crawl of {len(items)} distinct tags: {reads.heads} HEAD, {reads.requests} in all"
    )
    assert reads.manifests == reads.configs == len(items)
    assert reads.heads == 0


def _crawl(deployment: Deployment, items: list[Push]) -> Reads:
    """Push without telling the service, let it crawl, and count its requests."""
    service, registry = deployment.service, deployment.registry
    registry.logs_requests = True
    registry.start()
    push_many(registry.url, items)
    # The restarted registry no longer tells of the pushes.
    registry.restart()
    service.start()
    service.wait_until_idle(60)
    agent = USER_AGENT.partition("/")[0]
    # A registry logs a request after its answer.
    service.wait_until(
        lambda: len(registry.requests(agent)) >= service.requests_made(), 30, "all are logged"
    )
    requests = registry.requests(agent)
    bodies = [request.path for request in requests if request.brings_a_body]
    return Reads(
        requests=len(requests),
        heads=sum(request.method == "HEAD" for request in requests),
        manifests=sum("/manifests/" in path for path in bodies),
        configs=sum("/blobs/" in path for path in bodies),
    )


def _aliased() -> Iterator[Push]:
    """Yield indexes with the tags that versions usually have, and one without any order."""
    for repository in range(REPOSITORIES):
        for version in range(VERSIONS):
            built = index(
                [
                    image(seed=f"{repository} {version}", layers=1, architecture=architecture)
                    for architecture in ("amd64", "arm64", "s390x")
                ]
            )
            tags = [f"1.{version}.0", f"1.{version}"]
            tags += ["1", "latest", "stable"] if version == VERSIONS - 1 else []
            for tag in tags:
                yield Push(f"team/r{repository}", built, tag)
    shared = index([image(seed="shared", layers=1, architecture=one) for one in ("amd64", "arm64")])
    for number in range(30):
        yield Push("team/same", shared, f"build-{number}")
    # The same images in another repository: their configs are known, their presence is not.
    yield Push("team/copy", shared, "copy")


def _manifests(built: BuiltManifest) -> Iterator[str]:
    yield built.digest
    for child in built.children:
        yield from _manifests(child)


def _configs(built: BuiltManifest) -> Iterator[str]:
    if built.children:
        for child in built.children:
            yield from _configs(child)
    else:
        yield built.blobs[0].digest
