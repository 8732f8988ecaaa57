"""What conditions find."""

import pytest

from indexer.documents import (
    KEYWORDS_MAX,
    LARGE_IMAGES,
    VALUE_MAX,
    image_document,
)
from indexer.model.text import fold
from tests import builders
from tests.indexer.documents.made import (
    FULL,
    OCI,
    ROW,
    described,
    image_of,
    keywords,
    on_base,
    repository_of,
)


def test_conditions_find_an_image_by_its_folded_keywords() -> None:
    document = image_of(FULL, "1.4.2", "Latest")
    image_id = FULL.json["config"]["digest"]
    encoded = FULL.digest.partition(":")[2]
    assert keywords(document, "registry") == {"default"}
    assert keywords(document, "host") == {"r.example.org:5000"}
    assert keywords(document, "repo") == {"team/web-app"}
    assert keywords(document, "name") == {"team", "web", "app", "team/web-app", "web-app"}
    assert keywords(document, "tag") == {"1.4.2", "latest"}
    assert keywords(document, "digest") == {FULL.digest, encoded, image_id, image_id[7:]}
    assert keywords(document, "os") == {"linux"}
    assert keywords(document, "arch") == {"arm64", "arm64/v9"}
    assert keywords(document, "platform") == {"linux/arm64/v9"}
    assert keywords(document, "kind") == {"image"}
    assert keywords(document, "type") == set()
    assert keywords(document, "license") == {"mit"}
    assert {"com.example.team", "com.example.team=payments"} <= keywords(document, "label")
    assert keywords(document, "media") == {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    }
    assert keywords(document, "annotation") == {"com.example.stage", "com.example.stage=prod"}


def test_keywords_of_long_values_are_cut() -> None:
    built = builders.image(labels={"k" * 1_000: "v" * 1_000})
    assert keywords(image_of(built), "label") == {"k" * 256, f"{'k' * 256}={'v' * 256}"}


def test_described_fields_are_found_by_each_word_and_as_a_whole() -> None:
    document = image_of(FULL)
    assert keywords(document, "title") == {"web", "app", "web app"}
    assert keywords(document, "description") == {"serves", "the", "cafe", "serves the cafe"}
    assert keywords(document, "vendor") == {"example", "ltd", "example ltd"}
    assert keywords(document, "author") == {"ada"}
    assert keywords(document, "version") == {"1.4.2"}
    words = builders.image(labels={"io.openshift.tags": "Web server,Proxy"})
    assert keywords(image_of(words), "keyword") == {"web", "server", "web server", "proxy"}


@pytest.mark.parametrize(
    ("version", "found"),
    [("v1.4", {"v1.4", "1.4"}), ("V2-RC", {"v2-rc", "2-rc"}), ("vista", {"vista"})],
)
def test_a_version_is_found_without_its_v(version: str, found: set[str]) -> None:
    built = builders.image(labels={f"{OCI}version": version})
    assert keywords(image_of(built), "version") == found


@pytest.mark.parametrize(
    "source",
    [
        "https://git.example.org/Team/Web",
        "https://git.example.org/team/web.git",
        "https://git.example.org/team/web.git/",
        "ssh://git@git.example.org/team/web",
        "git://git.example.org/team/web/",
    ],
)
def test_a_source_is_found_however_it_is_reached(source: str) -> None:
    labels = {f"{OCI}source": source, f"{OCI}revision": "0F1E2D"}
    document = image_of(builders.image(labels=labels))
    assert keywords(document, "source") == {"git.example.org/team/web"}
    assert keywords(document, "revision") == {"0f1e2d"}


def test_what_an_image_runs_is_found() -> None:
    document = image_of(
        builders.image(
            env=["PATH=/bin", "NODE_VERSION=20.1", "API_TOKEN=hunter2"],
            ports=["8080/tcp", "53/udp"],
            volumes=["/Data"],
            user="1000:App",
            entrypoint=["/docker-entrypoint.sh", "--token=abc"],
            cmd=["nginx", "-g", "daemon off;"],
        )
    )
    assert keywords(document, "env") == {"path", "node_version", "node_version=20.1", "api_token"}
    assert keywords(document, "port") == {"8080", "8080/tcp", "53", "53/udp"}
    assert keywords(document, "volume") == {"/data"}
    assert keywords(document, "user") == {"1000:app", "1000"}
    entrypoint = {"docker", "entrypoint", "sh", "token", "/docker-entrypoint.sh --token=***"}
    assert keywords(document, "entrypoint") == entrypoint
    assert keywords(document, "cmd") == {"nginx", "g", "daemon", "off", "nginx -g daemon off;"}
    assert not any("hunter2" in value for _, value in document.keywords)


def test_what_only_the_base_says_is_asked_for_as_a_label_alone() -> None:
    labels = {f"{OCI}vendor": "Distro", f"{OCI}licenses": "MIT", f"{OCI}authors": "Base"}
    built = builders.image(labels={**labels, f"{OCI}title": "Own"})
    document = image_document(ROW, on_base(built, labels))
    assert keywords(document, "title") == {"own"}
    for field in ("vendor", "author", "license"):
        assert keywords(document, field) == set()
    assert f"{OCI}vendor=distro" in keywords(document, "label")


def test_secrets_in_labels_and_annotations_are_masked_everywhere() -> None:
    labels = {"com.example.api-token": "hunter2", "run": "login --password hunter2"}
    document = image_of(builders.image(labels=labels, annotations={"secret": "hunter2"}))
    assert "com.example.api-token=***" in keywords(document, "label")
    assert "hunter2" not in repr(document)


def test_values_are_cut_after_they_are_folded() -> None:
    """Ligatures and accents change the length, and a query cuts what it folded."""
    for value in ("\ufb03" * 200, "e\u0301" * 300):
        document = image_of(builders.image(labels={"k": value}))
        assert f"k={fold(value)[:VALUE_MAX]}" in keywords(document, "label")


def hostile(seed: str) -> builders.BuiltManifest:
    """Return an image that says as much as is read of one, all of it its own."""
    words = [f"{seed}x{n}" for n in range(1_000)]
    return builders.image(
        labels=dict.fromkeys(words, "v"),
        annotations=dict.fromkeys(words, "v"),
        env=[f"{word}_VERSION={word}" for word in words],
        ports=[f"{number}/udp" for number in range(1_000, 2_000)],
        volumes=words,
        entrypoint=["".join(f"e{n}{seed} " for n in range(500))],
        cmd=["".join(f"c{n}{seed} " for n in range(500))],
    )


def test_a_hostile_image_has_a_limited_number_of_keywords() -> None:
    document = image_of(hostile("a"))
    # Beside them are its name, digests, tags and layers.
    assert KEYWORDS_MAX - 100 < len(document.keywords) < KEYWORDS_MAX + 100
    assert "ax999=v" in keywords(document, "label")
    assert "ax999_version=ax999" in keywords(document, "env")


def test_a_large_repository_has_its_own_keywords_alone_and_its_images_answer_for_it() -> None:
    """It would be written again with every push, with the words of all its images."""
    own = {("repo", ROW.name), ("host", "r.example.org:5000"), ("registry", "default")}
    small = repository_of(described(hostile("a"), "t"))
    assert not small.is_met_by_images
    assert len(small.keywords) > KEYWORDS_MAX - 100
    many_words = repository_of(*(described(hostile(f"{n}i"), f"t{n}") for n in range(2)))
    many_images = repository_of(*(described(FULL, f"t{n}") for n in range(LARGE_IMAGES)))
    for document in (many_words, many_images):
        assert document.is_met_by_images
        assert own <= document.keywords
        assert not any(field in ("tag", "digest", "label") for field, _ in document.keywords)
        assert document.numbers.keys() == {"pulls"}


def test_the_id_that_docker_prints_finds_an_image_and_an_index() -> None:
    config = FULL.json["config"]["digest"]
    assert {config, config.removeprefix("sha256:")} <= keywords(image_of(FULL), "digest")
    assert config in keywords(image_of(builders.index([FULL])), "digest")
