"""The metrics of a running service, of all its processes, after a push to a real registry."""

from functools import partial

from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.sample_images import numbered_name
from tests.end_to_end.service import Service
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on_both
from tests.end_to_end.waiting import wait_until


def total(service: Service, name: str, **labels: str) -> float:
    """Return the sum of the series of a name that have these labels."""
    families = text_string_to_metric_families(service.get("/metrics").text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@on_both
def test_a_push_is_measured_by_every_process(shared: Deployment, skopeo: Skopeo) -> None:
    service = shared.service
    searchable = partial(total, service, "regsearch_notification_searchable_seconds_count")
    answers = partial(total, service, "regsearch_registry_answers_total", status="2xx")
    events = partial(total, service, "regsearch_notification_events_total", result="accepted")
    received = partial(
        total, service, "regsearch_http_requests_total", route="/webhooks/{registry}", status="2xx"
    )
    before = [measure() for measure in (searchable, answers, events, received)]
    skopeo.push(numbered_name(1), shared.registry, "metrics/pushed:1.0")
    service.wait_until(partial(service.lists, "metrics/pushed"), 20, "it is listed")
    wait_until(
        lambda: all(
            measure() > old
            for measure, old in zip((searchable, answers, events, received), before, strict=True)
        ),
        20,
        "each process measured the push",
    )
    assert total(service, "regsearch_build_info") == 1
