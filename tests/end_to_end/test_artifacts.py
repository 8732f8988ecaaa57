"""What is no image: artifacts and charts pushed by the real oras."""

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.oras_client import Oras
from tests.end_to_end.versions import on_both

ARTIFACT_TYPE = "application/vnd.example.notes.v1"


@on_both
def test_an_artifact_is_found_by_its_annotation_and_by_its_name(
    shared: Deployment, oras: Oras
) -> None:
    service = shared.service
    oras.push_file(
        shared.registry,
        "docs/releasenotes:7",
        artifact_type=ARTIFACT_TYPE,
        annotations={"org.example.audience": "operators"},
    )
    service.wait_until_found("annotation:org.example.audience=operators", "releasenotes")
    found = service.image("annotation:org.example.audience=operators")
    assert found.repository == "docs/releasenotes"
    assert found.tags == {"7"}
    assert found.annotations["org.example.audience"] == "operators"
    assert [row.repository for row in service.docker_rows("releasenotes")] == ["docs/releasenotes"]
    assert service.misses("annotation:org.example.audience=developers")
    assert found.kind == "artifact"
    assert service.finds("kind:example-notes releasenotes")


@on_both
def test_a_helm_chart_is_found_by_a_word_of_its_description(shared: Deployment, oras: Oras) -> None:
    service = shared.service
    oras.push_chart(
        shared.registry,
        "charts/gateway:3.2.1",
        name="gateway",
        version="3.2.1",
        description="Routes parcels between sorting centres",
    )
    service.wait_until_found("parcels sorting")
    found = service.image("parcels sorting")
    assert found.repository == "charts/gateway"
    assert found.tags == {"3.2.1"}
    assert found.kind == "helm-chart"
    for query in ("kind:helm-chart", "kind:helm", "kind:chart", "kind:artifact"):
        assert service.finds(f"{query} parcels")
    assert service.misses("kind:image parcels")
