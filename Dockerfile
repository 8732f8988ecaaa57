# The image of regsearch, with all engines. `make image` builds it; docs/container.md explains it.
# It needs no feature of BuildKit, so that podman and older builders can make it too.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY LICENSE README.md pyproject.toml regsearch.py ./
COPY indexer indexer
COPY search_api search_api
COPY webhooks webhooks
# The environment itself has no pip: nothing is installed in a running container.
RUN python3 -m venv --without-pip /opt/regsearch \
    && python3 -m pip --python /opt/regsearch/bin/python install --no-cache-dir ".[opensearch,otel,tantivy]"

FROM ${PYTHON_IMAGE}
ARG PYTHON_IMAGE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="regsearch" \
    org.opencontainers.image.description="A search companion for container registries: docker search, an API and a command line over what a registry holds." \
    org.opencontainers.image.url="https://github.com/regsearch/regsearch" \
    org.opencontainers.image.source="https://github.com/regsearch/regsearch" \
    org.opencontainers.image.documentation="https://github.com/regsearch/regsearch/blob/main/docs/container.md" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.base.name="${PYTHON_IMAGE}"
# A new volume takes owner and mode of the folder where it is mounted first. /registry and /secrets are
# empty: compose.yaml writes the configuration of a registry into one, deploy/compose/cluster.yaml
# what several machines share into the other.
RUN groupadd --gid 10001 regsearch \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/regsearch \
        --shell /usr/sbin/nologin regsearch \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/regsearch /secrets \
    && install --directory --owner=10001 --group=10001 /registry
COPY --from=build /opt/regsearch /opt/regsearch
ENV PATH=/opt/regsearch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REGSEARCH_DATA_DIR=/var/lib/regsearch \
    REGSEARCH_LISTEN=0.0.0.0:8080
# regsearch.toml is looked for in the working directory.
WORKDIR /etc/regsearch
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
VOLUME /var/lib/regsearch
EXPOSE 8080
# http.client knows of no proxy, and this request must not go through one.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['REGSEARCH_LISTEN'].rpartition(':')[2]), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["regsearch"]
CMD ["serve"]
