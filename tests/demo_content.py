"""What the demo's registry holds: a dozen repositories of many kinds, as people have them."""

import json

from tests.builders import Blob, BuiltManifest, artifact, helm_chart, image, index
from tests.push import Push

_TITLE = "org.opencontainers.image."
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _described(
    title: str, description: str, *, version: str = "", licenses: str = "", vendor: str = ""
) -> dict[str, str]:
    """Return the usual labels that describe an image."""
    values = {
        "title": title,
        "description": description,
        "version": version,
        "licenses": licenses,
        "vendor": vendor,
        "source": f"https://git.example.com/{title.replace(' ', '-').lower()}",
    }
    return {_TITLE + key: value for key, value in values.items() if value}


def _debian(architecture: str = "amd64", variant: str = "") -> BuiltManifest:
    return image(
        labels=_described("Debian", "Debian 13 trixie, slim base image", version="13"),
        architecture=architecture,
        variant=variant,
        seed="debian",
        created="2026-09-01T00:00:00Z",
        env=[_PATH],
        cmd=["bash"],
        commands=["ADD rootfs.tar.xz /", 'CMD ["bash"]'],
        sizes=[290_000],
    )


def _runtime() -> BuiltManifest:
    packages = "apt-get install -y --no-install-recommends ca-certificates libssl3 python3"
    return image(
        labels=_described("Runtime", "Python on Debian, for all services", version="3.13"),
        base=_debian(),
        seed="runtime",
        created="2026-09-20T08:00:00Z",
        env=[_PATH, "PYTHON_VERSION=3.13.9", "LANG=C.UTF-8"],
        commands=[
            "ENV LANG=C.UTF-8",
            f"RUN /bin/sh -c apt-get update && {packages} && rm -rf /var/lib/apt/lists/*",
            "RUN /bin/sh -c python3 -m venv /opt/venv",
        ],
        sizes=[340_000, 96_000],
    )


def _web(version: str, created: str) -> BuiltManifest:
    description = "Customer web shop: storefront, basket and checkout"
    labels = _described(
        "Web shop", description, version=version, licenses="Apache-2.0", vendor="Example Ltd"
    )
    return image(
        labels={**labels, "team": "payments", "com.example.tier": "frontend"},
        base=_runtime(),
        seed=f"web {version}",
        created=created,
        env=[
            _PATH,
            "PYTHON_VERSION=3.13.9",
            f"APP_VERSION={version}",
            "SESSION_SECRET=not-in-any-answer",
        ],
        ports=["8080/tcp"],
        entrypoint=["/app/run", "--serve"],
        volumes=["/var/cache/shop"],
        user="1000:1000",
        commands=[
            "WORKDIR /app",
            "COPY requirements.txt . ",
            "RUN /bin/sh -c /opt/venv/bin/pip install --no-cache-dir -r requirements.txt",
            "COPY . /app",
            "EXPOSE map[8080/tcp:{}]",
            "USER 1000:1000",
            'ENTRYPOINT ["/app/run" "--serve"]',
        ],
        sizes=[0, 180_000, 40_000 + 1_000 * len(created) * int(version.replace(".", ""))],
    )


def _gateway() -> BuiltManifest:
    labels = _described(
        "Gateway",
        "Reverse proxy and TLS gateway in front of all services",
        version="2.3.0",
        licenses="MIT",
    )
    platforms = [("amd64", ""), ("arm64", "v8"), ("arm", "v7")]
    certificates = "COPY /etc/ssl/certs /etc/ssl/certs"
    images = [
        image(
            labels=labels,
            architecture=architecture,
            variant=variant,
            base=_debian(architecture, variant),
            seed="gateway",
            created="2026-10-20T09:30:00Z",
            ports=["80/tcp", "443/tcp"],
            entrypoint=["/usr/bin/gateway"],
            commands=[certificates, "COPY gateway /usr/bin/gateway", "EXPOSE map[80/tcp:{}]"],
            sizes=[60_000, 250_000 + 9_000 * len(architecture)],
        )
        for architecture, variant in platforms
    ]
    return index(images, annotations=labels, attestations=True)


def _windows() -> BuiltManifest:
    description = "Invoice service on Windows Server Core with IIS"
    return image(
        labels=_described(
            "Invoices", description, version="4.8", licenses="LicenseRef-Proprietary"
        ),
        os="windows",
        os_version="10.0.20348.2762",
        seed="iis",
        created="2026-08-11T12:00:00Z",
        ports=["80/tcp"],
        entrypoint=["C:\\ServiceMonitor.exe", "w3svc"],
        env=["PATH=C:\\Windows\\system32;C:\\Windows"],
    )


def _module() -> BuiltManifest:
    config = {
        "created": "2026-11-02T08:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [],
        "component": {"exports": ["wasi:http/incoming-handler"], "imports": [], "target": None},
    }
    return artifact(
        "",
        {"filter.wasm": b"\x00asm\x01\x00\x00\x00"},
        file_type="application/wasm",
        config=Blob("application/vnd.wasm.config.v0+json", json.dumps(config).encode()),
        annotations=_described(
            "Header filter", "WebAssembly module that rewrites HTTP headers", version="0.3.1"
        ),
    )


def _model() -> BuiltManifest:
    config = {
        "descriptor": {
            "name": "sentiment-small",
            "version": "1.0.0",
            "family": "distilbert",
            "title": "Sentiment, small",
            "description": "Small language model that rates the sentiment of product reviews",
            "authors": ["Data science <data@example.com>"],
            "licenses": ["Apache-2.0"],
            "createdAt": "2026-07-15T10:00:00Z",
        },
        "config": {"architecture": "transformer", "format": "safetensors", "paramSize": "66m"},
        "modelfs": {"type": "layers", "diffIds": []},
    }
    return artifact(
        "application/vnd.cncf.model.manifest.v1+json",
        {"model.safetensors": b"weights" * 100},
        file_type="application/vnd.cncf.model.weight.v1.raw",
        config=Blob("application/vnd.cncf.model.config.v1+json", json.dumps(config).encode()),
    )


def _sbom() -> BuiltManifest:
    document = {"spdxVersion": "SPDX-2.3", "name": "team/web 1.1", "packages": []}
    return artifact(
        "application/spdx+json",
        {"web-1.1.spdx.json": json.dumps(document).encode()},
        file_type="application/spdx+json",
        annotations=_described("Bill of materials", "All packages inside the web shop 1.1"),
    )


def _widget() -> BuiltManifest:
    return artifact(
        "application/vnd.acme.widget.v1",
        {"widget.bin": b"\x01\x02\x03"},
        annotations=_described("Dashboard widget", "Widget that shows the weather at the office"),
    )


def _alpine(architecture: str = "amd64", variant: str = "") -> BuiltManifest:
    return image(
        labels=_described("Alpine", "Alpine Linux, minimal base image", version="3.22"),
        architecture=architecture,
        variant=variant,
        seed="alpine",
        commands=["ADD alpine-minirootfs.tar.gz / ", 'CMD ["/bin/sh"]'],
        sizes=[38_000 + 700 * len(architecture)],
    )


def _alpine_everywhere() -> BuiltManifest:
    platforms = [
        ("amd64", ""),
        ("arm64", "v8"),
        ("arm", "v7"),
        ("arm", "v6"),
        ("386", ""),
        ("ppc64le", ""),
        ("s390x", ""),
        ("riscv64", ""),
    ]
    return index([_alpine(*platform) for platform in platforms])


def _database() -> BuiltManifest:
    labels = _described(
        "PostgreSQL",
        "PostgreSQL database server, mirrored",
        version="17.2",
        licenses="PostgreSQL",
        vendor="PostgreSQL Global Development Group",
    )
    settings = ["PG_MAJOR=17", "PGDATA=/var/lib/postgresql/data"]
    return image(labels=labels, base=_debian(), seed="postgres", env=settings, ports=["5432/tcp"])


def _import_job() -> BuiltManifest:
    labels = {"maintainer": "data@example.com", "description": "Nightly import of orders as CSV"}
    return image(labels=labels, docker=True, seed="import", created="2025-12-01T01:00:00Z")


def _chart() -> BuiltManifest:
    return helm_chart(
        "web",
        "0.9.2",
        "Helm chart for the web shop with its database",
        app_version="1.1",
        keywords=["shop", "http", "storefront"],
        home="https://shop.example.com",
        maintainers=["Platform team"],
    )


def before() -> list[Push]:
    """Return the content of the registry before the service starts: a crawl must find it."""
    return [
        Push("base/debian", _debian(), "13-slim"),
        Push("base/runtime", _runtime(), "3.13"),
        Push("mirror/library/postgres", _database(), "17.2"),
        Push("team/web", _web("1.0", "2026-10-01T10:00:00Z"), "1.0"),
        Push("windows/invoice_service", _windows(), "4.8-ltsc2022"),
        Push("legacy-app", image(seed="legacy", created="2019-05-06T07:08:09Z"), "latest"),
    ]


def after() -> list[Push]:
    """Return the content that is pushed while the service runs: notifications announce it."""
    newest = _web("1.1", "2026-11-10T16:45:00Z")
    candidate = _web("1.1", "2026-11-09T11:20:00Z")
    return [
        Push("base/alpine", _alpine_everywhere(), "3.22"),
        Push("team/web", candidate, "latest"),
        Push("team/web", newest, "1.1"),
        Push("team/web", newest, "latest"),
        Push("team/gateway", _gateway(), "2.3.0"),
        Push("charts/web", _chart(), "0.9.2"),
        Push("wasm/header-filter", _module(), "0.3.1"),
        Push("ml/sentiment.small", _model(), "1.0.0"),
        Push("security/sbom", _sbom(), "web-1.1"),
        Push("tools/widget__store", _widget(), "v1"),
        Push("data/import--job", _import_job(), "nightly"),
    ]


def repositories() -> set[str]:
    """Return the names of all repositories of the demo."""
    return {item.repository for item in (*before(), *after())}
