"""A cluster behind TLS and passwords, as the security plugin or a proxy asks for them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.engines.opensearch import ClusterAddress, OpenSearchEngine
from indexer.errors import EngineAwayError, EngineError
from tests.certificates import Authority
from tests.children import Children
from tests.end_to_end.nginx import nginx_command, nginx_configuration
from tests.end_to_end.ports import free_port, listening
from tests.indexer.engines.conformance.generator import document
from tests.indexer.engines.conformance.index import REPOSITORY
from tests.indexer.engines.writing import ids, reading
from tests.opensearch.cluster import Cluster
from tests.programs import NeedsProgram

SERVER = """\
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate.public};
        ssl_certificate_key {certificate.key};
        client_max_body_size 0;
        location /cluster/ {{
            auth_basic "cluster";
            auth_basic_user_file {users};
            proxy_pass {cluster}/;
        }}
    }}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def url(
    needs_program: NeedsProgram, needs_cluster: Cluster, tmp_path: Path, authority: Authority
) -> Iterator[str]:
    """The address of an nginx before the cluster, which asks for a password."""
    folder, port = tmp_path / "nginx", free_port()
    folder.mkdir()
    users = folder / "users"
    users.write_text("regsearch:{PLAIN}a long password\n")
    server = SERVER.format(
        port=port,
        certificate=authority.issue("cluster"),
        users=users,
        cluster=needs_cluster.urls[0],
    )
    (folder / "nginx.conf").write_text(nginx_configuration(server))
    with Children(folder) as children:
        children.start("nginx", nginx_command(needs_program("nginx"), folder))
        children.wait_for("nginx", lambda: listening(port), seconds=20)
        yield f"https://127.0.0.1:{port}/cluster"


def make(directory: Path, url: str, password: str, ca_file: Path | None) -> OpenSearchEngine:
    address = ClusterAddress((url,), "regsearch", password, ca_file)
    return OpenSearchEngine(directory, address, prefix="t-tls", patience=0)


def test_a_cluster_behind_tls_and_a_password_is_read_and_written(
    url: str, tmp_path: Path, authority: Authority
) -> None:
    engine = make(tmp_path, url, "a long password", authority.file)
    engine.create("one")
    with closing(engine.open_writer("one")) as writer, reading(engine) as reader:
        writer.apply(REPOSITORY, [document("a")], [])
        assert ids(reader) == ["a registry.example"]
    assert engine.generations() == ["one"]


def test_a_wrong_password_is_waited_for_and_is_in_no_message(
    url: str, tmp_path: Path, authority: Authority
) -> None:
    with pytest.raises(EngineAwayError, match="401") as caught:
        make(tmp_path, url, "another one", authority.file).open_reader("one")
    assert "another one" not in str(caught.value)


def test_a_certificate_of_nobody_who_is_trusted_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(EngineAwayError, match=r"(?i)certificate"):
        make(tmp_path, url, "a long password", None).open_reader("one")


def test_a_file_of_certificates_that_holds_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    engine = make(tmp_path, "https://127.0.0.1:9", "p", tmp_path / "ca.pem")
    with pytest.raises(EngineError):
        engine.open_reader("one")
