"""Names of artifact types that nobody taught us, and what counts as an image."""

import pytest

from indexer.extract.classification import artifact_name
from indexer.model import media_types
from tests.indexer.extract.samples import facts, image


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("application/vnd.acme.widget.config.v1+json", "acme widget"),
        ("application/vnd.acme.widget.v1.2.config+json", "acme widget"),
        ("application/vnd.acme.widget.config+json", "acme widget"),
        ("application/vnd.acme.widget", "acme widget"),
        ("application/vnd.acme.vmware-tool.v0alpha1+tar", "acme vmware-tool"),
        ("application/spdx+json", "spdx"),
        ("application/vnd.acme.bundle+json;version=0.3", "acme bundle"),
        ("text/spdx", "text spdx"),
        ("nonsense", "nonsense"),
        ("+json", "+json"),
        ("", ""),
    ],
)
def test_artifact_name(media_type: str, name: str) -> None:
    assert artifact_name(media_type) == name


def test_a_hostile_type_gives_a_short_plain_name() -> None:
    name = artifact_name("application/vnd.\x1b[31m\u202e" + "a" * 900)
    assert len(name) == 256
    assert name.isprintable()


@pytest.mark.parametrize(
    ("config_type", "artifact_type", "kind"),
    [
        (media_types.OCI_CONFIG, "", "image"),
        (media_types.DOCKER_CONFIG, "", "image"),
        ("", "", "image"),
        (media_types.OCI_CONFIG, media_types.OCI_CONFIG, "image"),
        (media_types.OCI_CONFIG, "application/vnd.acme", "artifact"),
        (media_types.EMPTY, "application/vnd.acme", "artifact"),
        (media_types.EMPTY, "", "artifact"),
        ("application/vnd.acme.config.v1+json", "", "artifact"),
    ],
)
def test_what_is_an_image(config_type: str, artifact_type: str, kind: str) -> None:
    found = facts(image(config_type=config_type, artifactType=artifact_type))
    assert found.kind == kind
    if kind == "image":
        assert (found.artifact_type, found.artifact_name) == ("", "")


def test_a_type_without_a_letter_is_no_name_to_ask_for() -> None:
    found = facts(image(config_type=media_types.EMPTY, artifactType="数据"))
    assert found.kind_names == ("artifact",)
    assert found.artifact_name == "数据"
