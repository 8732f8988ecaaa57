"""The images of deploy/compose/cluster.yaml beside ours: real ones, or stand-ins.

The variables ``OPENSEARCH_IMAGE`` and ``PROXY_IMAGE`` name images that the Engine pulls. Without
them the tests make stand-ins: the OpenSearch that ``make programs`` built, started as the official
image starts its own, and Debian's nginx.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.deploy.images import PROJECT, build
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.processes import run_well

_OPENSEARCH = """\
FROM {base}
RUN useradd --uid 1000 --home-dir /usr/share/opensearch opensearch \\
    && install --directory --owner=1000 /usr/share/opensearch /usr/share/opensearch/data
COPY java /opt/java
COPY opensearch /opt/opensearch
ENV network.host=0.0.0.0
USER 1000
ENTRYPOINT ["/opt/opensearch/start"]
"""
# Of the shells of a Debian, bash passes variables on that have a dot in their names.
_START = """\
#!/bin/bash
exec /opt/java/bin/java $OPENSEARCH_JAVA_OPTS -cp '/opt/opensearch:/opt/opensearch/jars/*' \\
    Node node 9200 9300 node /usr/share/opensearch
"""
_PROXY = """\
FROM {base}
RUN apt-get update --quiet \\
    && apt-get install --yes --quiet --no-install-recommends nginx
"""
# Parts of a Java that run nothing.
_NOT_RUN = shutil.ignore_patterns("src.zip", "jmods", "demo", "man", "include", "legal")


def make_cluster_images(
    docker: Docker, folder: Path, *, base: str, opensearch: str, java: str
) -> Mapping[str, str]:
    """Make what no variable names, in the Engine; give the variables that cluster.yaml reads.

    ``opensearch`` is the path of the program that ``make programs`` built, and ``java`` the home of
    a Java that runs it. ``base`` is an image of a Debian.
    """
    names = {name: os.environ.get(name, "") for name in ("OPENSEARCH_IMAGE", "PROXY_IMAGE")}
    if not names["OPENSEARCH_IMAGE"]:
        names["OPENSEARCH_IMAGE"] = "stand-in-opensearch"
        context = folder / "opensearch"
        _copy_opensearch(context, program=Path(opensearch), java=Path(java))
        (context / "Dockerfile").write_text(_OPENSEARCH.format(base=base), "utf-8")
        build(docker, context, name=names["OPENSEARCH_IMAGE"])
        shutil.rmtree(context)
    if not names["PROXY_IMAGE"]:
        names["PROXY_IMAGE"] = "stand-in-nginx"
        context = folder / "nginx"
        context.mkdir()
        (context / "Dockerfile").write_text(_PROXY.format(base=base), "utf-8")
        build(docker, context, name=names["PROXY_IMAGE"])
    return names


def _copy_opensearch(context: Path, *, program: Path, java: Path) -> None:
    shutil.copytree(java, context / "java", symlinks=True, ignore=_NOT_RUN)
    own = context / "opensearch"
    shutil.copytree(program.parent / "jars", own / "jars")
    source = PROJECT / "tests" / "opensearch" / "Node.java"
    words = ["-nowarn", "-cp", f"{own / 'jars'}/*", "-d", str(own), str(source)]
    run_well([str(java / "bin" / "javac"), *words])
    start = own / "start"
    start.write_text(_START, "utf-8")
    start.chmod(0o755)
