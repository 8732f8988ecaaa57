"""References pasted from anywhere find their image; other text is left alone."""

import pytest

from indexer.model.query import And, Condition, Or, Path, Query, Word
from search_api.query.references import command, digest_condition, reference
from tests.search_api.query.asking import DIGEST, HEX, both, either, parsed

TAG = Condition("tag", "1.4")
WEB = Path("team/web")
ON_HOST = both(Condition("host", "host:5000"), WEB)
ON_EXAMPLE = either(Path("reg.example/team/web"), both(Condition("host", "reg.example"), WEB))
EXACT = Condition("digest", DIGEST)
NGINX = either(Path("library/nginx"), Condition("repo", "nginx"))

REFERENCES: list[tuple[str, Query]] = [
    ("team/web", WEB),
    ("/team/web/", WEB),
    ("TEAM/Web", WEB),
    ("a/b/c", Path("a/b/c")),
    ("web:1.4", both(Path("web"), TAG)),
    ("web:V1", both(Path("web"), Condition("tag", "v1"))),
    (f"web@{DIGEST}", both(Path("web"), EXACT)),
    ("web@sha256:0123abcd", both(Path("web"), Condition("digest", "sha256:0123abcd", True))),
    # The digest is what a client pulls; the tag may have moved since.
    (f"web:1.4@{DIGEST}", both(Path("web"), EXACT)),
    ("host:5000/team/web", ON_HOST),
    ("HOST:5000/team/web:1.4", both(ON_HOST, TAG)),
    (f"host:5000/team/web:1.4@{DIGEST}", both(ON_HOST, EXACT)),
    ("127.0.0.1:5000/team/web", both(Condition("host", "127.0.0.1:5000"), WEB)),
    ("[::1]:5000/team/web:1.4", both(both(Condition("host", "[::1]:5000"), WEB), TAG)),
    ("reg.example/team/web", ON_EXAMPLE),
    ("reg.example/team/web:1.4", both(ON_EXAMPLE, TAG)),
    (
        "localhost/web",
        either(Path("localhost/web"), both(Condition("host", "localhost"), Path("web"))),
    ),
    # Docker Hub's names, in mirrors
    ("library/nginx", NGINX),
    ("docker.io/library/nginx", NGINX),
    ("index.docker.io/library/nginx:1.4", both(NGINX, TAG)),
    ("docker.io/nginx", Path("nginx")),
    ("docker.io/team/web", WEB),
    ("team/library/nginx", Path("team/library/nginx")),
    ("library/a/b", Path("library/a/b")),
    # Digests
    (DIGEST, EXACT),
    (DIGEST.upper(), EXACT),
    (HEX, Condition("digest", HEX)),
    ("sha256:0123abcd", Condition("digest", "sha256:0123abcd", True)),
    ("sha256:0123abcd…", Condition("digest", "sha256:0123abcd", True)),
    ("sha256:0123abcd...", Condition("digest", "sha256:0123abcd", True)),
    (f"sha512:{HEX}{HEX}", Condition("digest", f"sha512:{HEX}{HEX}")),
    # Addresses
    ("docker://host:5000/team/web:1.4", both(ON_HOST, TAG)),
    ("oci://host:5000/team/web", ON_HOST),
    ("oci://reg.example/team/web", ON_EXAMPLE),
    ("docker://team/web", WEB),
    ("docker://nginx", Path("nginx")),
    ("http://reg.example/team/web", ON_EXAMPLE),
    ("https://host:5000/v2/team/web/manifests/1.4", both(ON_HOST, TAG)),
    (f"https://host:5000/v2/team/web/manifests/{DIGEST}", both(ON_HOST, EXACT)),
    (f"https://host:5000/v2/team/web/blobs/{DIGEST}", both(ON_HOST, EXACT)),
    ("https://host:5000/v2/team/web/tags/list?n=100", ON_HOST),
    ("https://reg.example/v2/team/web/manifests/1.4?x=y#z", both(ON_EXAMPLE, TAG)),
    (
        "https://registry/v2/team/web/tags/list",
        either(Path("registry/team/web"), both(Condition("host", "registry"), WEB)),
    ),
    ("https://host:5000/v2/", Condition("host", "host:5000")),
    ("https://host:5000/v2/_catalog", Condition("host", "host:5000")),
    ("https://reg.example/", Condition("host", "reg.example")),
    ("https://registry", Condition("host", "registry")),
    ("host:5000/", Condition("host", "host:5000")),
    # What stands around them
    ("team/web,", WEB),
    ("web:1.4.", both(Path("web"), TAG)),
    ("web:1.4;", both(Path("web"), TAG)),
    ("team/web:1.4:", both(WEB, TAG)),
    ("'team/web:1.4'", both(WEB, TAG)),
    ("`web:1.4`", both(Path("web"), TAG)),
    ("<https://host:5000/team/web>", ON_HOST),
    ('"web:1.4",', both(Path("web"), TAG)),
]

COMMANDS: list[tuple[str, Query]] = [
    ("docker pull nginx", Path("nginx")),
    (f"docker pull host:5000/team/web:1.4@{DIGEST}", both(ON_HOST, EXACT)),
    ("  docker  pull\tteam/web ", WEB),
    ("$ docker pull team/web", WEB),
    ("# sudo docker pull team/web", WEB),
    ("docker pull --platform linux/arm64 team/web:1.4", both(WEB, TAG)),
    ("docker pull --platform=linux/arm64 -q team/web", WEB),
    ("docker image pull team/web", WEB),
    ("docker manifest inspect team/web:1.4", both(WEB, TAG)),
    ("docker run -it --rm team/web:1.4", both(WEB, TAG)),
    ("podman pull docker://host:5000/team/web", ON_HOST),
    ("podman run team/web", WEB),
    ("nerdctl pull team/web", WEB),
    ("skopeo inspect docker://host:5000/team/web:1.4", both(ON_HOST, TAG)),
    ("helm pull oci://host:5000/team/web", ON_HOST),
    ("helm pull oci://host:5000/team/web --version 1.4", both(ON_HOST, TAG)),
    ("crane manifest team/web:1.4", both(WEB, TAG)),
    ("oras pull team/web:1.4", both(WEB, TAG)),
    ("cosign verify team/web:1.4", both(WEB, TAG)),
    ("FROM nginx", Path("nginx")),
    ("FROM nginx AS build", Path("nginx")),
    ("FROM --platform=$BUILDPLATFORM team/web:1.4 as build", both(WEB, TAG)),
    ("image: team/web:1.4", both(WEB, TAG)),
    ('image: "team/web:1.4"', both(WEB, TAG)),
]


@pytest.mark.parametrize(("text", "tree"), REFERENCES)
def test_a_reference_is_what_it_names(text: str, tree: Query) -> None:
    assert reference(text) == tree
    # What a word in quotes asks for is another matter.
    if not text.startswith('"'):
        assert parsed(text) == tree
        assert parsed(f"{text} x") == both(tree, Word("x"))


@pytest.mark.parametrize(("text", "tree"), COMMANDS)
def test_a_command_is_the_reference_in_it(text: str, tree: Query) -> None:
    assert command(text) == tree
    assert parsed(text) == tree


@pytest.mark.parametrize(
    "text",
    [
        *("", "nginx", "/nginx", "nginx/", "nginx,", "_", "a/%", "web@sha256:01", "a//b", "web:"),
        *(":x", "@", f"@{DIGEST}", "a b/c", "web:a b", "team/*", "a/b-", "web:1.4@x", "sha256:"),
        *("https://", "https://%", "oci://*"),
    ],
)
def test_what_names_nothing_is_no_reference(text: str) -> None:
    assert reference(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("docker", "docker pull", "docker pull a b", "docker run team/web sh", "docker pull -q"),
        *("FROM", "from nginx", "dockerpull nginx", "docker pull %", "docker pull team/*"),
        *("pull nginx", "nginx docker pull web", "docker pull web OR nginx", "helm pull --version"),
        *("helm pull a b", "image:"),
    ],
)
def test_other_texts_are_no_command(text: str) -> None:
    assert command(text) is None


def test_a_command_within_a_query_is_words() -> None:
    found = parsed("docker pull (web OR nginx)")
    assert isinstance(found, And)
    assert found.parts[:2] == (Word("docker"), Word("pull"))
    assert isinstance(found.parts[2], Or)


@pytest.mark.parametrize(
    ("text", "is_prefix"),
    [
        (DIGEST, False),
        (DIGEST[:-1], True),
        (HEX, False),
        (HEX[:-1], True),
        (f"sha512:{HEX}", True),
        (f"sha512:{HEX}{HEX}", False),
        ("md5:" + HEX[:32], True),
    ],
)
def test_part_of_a_digest_is_its_beginning(text: str, is_prefix: bool) -> None:
    assert digest_condition(text) == Condition("digest", text, is_prefix)
