"""The stub is an honest registry until a test says otherwise."""

from tests.attack.stub_registry import Reply, StubRegistry
from tests.builders import image, index
from tests.end_to_end.service import Service
from tests.fakes.events import push_event


def test_what_it_holds_is_crawled_and_what_it_tells_is_found(
    service: Service, registry: StubRegistry
) -> None:
    registry.push("team/web", "1.0", image(seed="web"))
    registry.push("team/many", "1.0", index([image(seed="a"), image(seed="b")]))
    service.start()
    service.wait_until_idle()
    assert service.finds("repo:team/web")
    assert service.finds("repo:team/many")
    built = image(seed="newer")
    registry.push("team/web", "2.0", built)
    service.notify(push_event("team/web", built.digest, tag="2.0"))
    service.wait_until_found("tag:2.0")


def test_a_body_in_parts_ends_when_the_client_goes(
    service: Service, registry: StubRegistry
) -> None:
    registry.answer("/v2/_catalog", Reply(body=(b" " * 65_536 for _ in range(10_000))))
    service.start()
    service.wait_until(lambda: bool(service.status()["error"]), 20, "the status names the error")
    assert "_catalog" in service.status()["error"]
