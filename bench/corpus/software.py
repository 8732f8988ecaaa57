"""Well-known software, which half of all registries mirror, with its descriptions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Software:
    """A program that everybody knows; port 0 stands for none."""

    name: str
    description: str
    port: int
    license: str


def _read(text: str) -> tuple[Software, ...]:
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return tuple(Software(row[0], row[1], int(row[2]), row[3]) for row in rows)


PROGRAMS = _read(
    """
    nginx | HTTP and reverse proxy server, and TCP proxy | 80 | BSD-2-Clause
    redis | In-memory data store used as cache, broker and database | 6379 | BSD-3-Clause
    postgres | Object-relational database system | 5432 | PostgreSQL
    mysql | Widely used open-source relational database | 3306 | GPL-2.0-only
    mariadb | Community-developed fork of MySQL | 3306 | GPL-2.0-only
    mongo | Document database for JSON-like documents | 27017 | SSPL-1.0
    rabbitmq | Message broker that speaks AMQP | 5672 | MPL-2.0
    kafka | Distributed event streaming platform | 9092 | Apache-2.0
    zookeeper | Coordination service for distributed applications | 2181 | Apache-2.0
    elasticsearch | Distributed search and analytics engine | 9200 | Elastic-2.0
    opensearch | Search and observability suite | 9200 | Apache-2.0
    grafana | Dashboards for metrics, logs and traces | 3000 | AGPL-3.0-only
    prometheus | Monitoring system and time series database | 9090 | Apache-2.0
    alertmanager | Routes alerts of Prometheus to people | 9093 | Apache-2.0
    loki | Log aggregation like Prometheus, but for logs | 3100 | AGPL-3.0-only
    jaeger | Distributed tracing backend | 16686 | Apache-2.0
    traefik | Edge router that configures itself | 80 | MIT
    haproxy | TCP and HTTP load balancer | 80 | GPL-2.0-or-later
    envoy | Proxy for service meshes and API gateways | 10000 | Apache-2.0
    caddy | Web server with automatic HTTPS | 443 | Apache-2.0
    httpd | The Apache HTTP server | 80 | Apache-2.0
    tomcat | Servlet and JSP container | 8080 | Apache-2.0
    jetty | Servlet engine and HTTP server | 8080 | Apache-2.0
    wordpress | Blogs and content management | 80 | GPL-2.0-or-later
    nextcloud | File sharing and collaboration | 80 | AGPL-3.0-only
    gitea | Self-hosted Git service | 3000 | MIT
    jenkins | Automation server for builds and deployments | 8080 | MIT
    sonarqube | Continuous inspection of code quality | 9000 | LGPL-3.0-only
    keycloak | Identity and access management | 8080 | Apache-2.0
    vault | Secrets management and data protection | 8200 | MPL-2.0
    consul | Service discovery and configuration | 8500 | MPL-2.0
    etcd | Distributed reliable key-value store | 2379 | Apache-2.0
    minio | Object storage compatible with S3 | 9000 | AGPL-3.0-only
    influxdb | Time series database | 8086 | MIT
    telegraf | Agent that collects and writes metrics | 8092 | MIT
    memcached | Distributed memory object caching | 11211 | BSD-3-Clause
    nats | Messaging system for cloud-native applications | 4222 | Apache-2.0
    mosquitto | MQTT broker | 1883 | EPL-2.0
    clickhouse | Column-oriented database for analytics | 8123 | Apache-2.0
    cassandra | Distributed wide-column database | 9042 | Apache-2.0
    neo4j | Graph database | 7687 | GPL-3.0-only
    airflow | Platform to author and schedule workflows | 8080 | Apache-2.0
    spark | Engine for large-scale data processing | 7077 | Apache-2.0
    jupyter | Notebooks for interactive computing | 8888 | BSD-3-Clause
    mlflow | Tracking of machine learning experiments | 5000 | Apache-2.0
    fluentd | Unified logging layer | 24224 | Apache-2.0
    cert-manager | Certificates in Kubernetes | 9402 | Apache-2.0
    external-dns | DNS records for Kubernetes services | 7979 | Apache-2.0
    argocd | Declarative continuous delivery with GitOps | 8080 | Apache-2.0
    velero | Backup and migration of Kubernetes clusters | 8085 | Apache-2.0
    trivy | Vulnerability scanner for containers | 0 | Apache-2.0
    restic | Backup program that is fast and secure | 0 | BSD-2-Clause
    busybox | Tiny versions of many UNIX utilities in one binary | 0 | GPL-2.0-only
    curl | Command line tool to transfer data with URLs | 0 | curl
    """
)
SYSTEMS = _read(
    """
    debian | Debian, the universal operating system | 0 | LicenseRef-Debian
    ubuntu | Ubuntu, a Linux operating system based on Debian | 0 | LicenseRef-Ubuntu
    alpine | Alpine Linux, a minimal image with a package index | 0 | MIT
    fedora | Fedora, a Linux distribution for everyone | 0 | MIT
    rockylinux | Rocky Linux, compatible with enterprise Linux | 0 | BSD-3-Clause
    ubi9 | Universal base image 9 | 0 | LicenseRef-RHEL
    opensuse | openSUSE Leap | 0 | MIT
    archlinux | Arch Linux, simple and lightweight | 0 | GPL-3.0-only
    distroless | Language-focused images without an operating system's tools | 0 | Apache-2.0
    wolfi | Wolfi, a Linux undistro for containers | 0 | Apache-2.0
    photon | Photon OS, optimised for cloud platforms | 0 | GPL-2.0-only
    amazonlinux | Amazon Linux for EC2 and containers | 0 | LicenseRef-AL
    """
)
RUNTIMES = _read(
    """
    python | Python is an interpreted, interactive language | 0 | Python-2.0
    node | Node.js is a JavaScript platform for servers | 0 | MIT
    openjdk | An implementation of the Java platform | 0 | GPL-2.0-only
    golang | Go is a general purpose systems language | 0 | BSD-3-Clause
    php | PHP is a scripting language for web development | 0 | PHP-3.01
    ruby | Ruby is a dynamic, reflective language | 0 | BSD-2-Clause
    rust | Rust is a language for fast and reliable software | 0 | MIT
    dotnet-aspnet | ASP.NET runtime | 8080 | MIT
    erlang | Erlang for highly available systems | 0 | Apache-2.0
    elixir | Elixir is a dynamic, functional language | 0 | Apache-2.0
    perl | Perl is a highly capable language | 0 | Artistic-1.0-Perl
    r-base | R for statistical computing | 0 | GPL-2.0-or-later
    julia | Julia for technical computing | 0 | MIT
    haskell | Haskell, purely functional | 0 | BSD-3-Clause
    temurin | OpenJDK builds by the Adoptium community | 0 | GPL-2.0-only
    pytorch | Tensors and neural networks with GPU support | 0 | BSD-3-Clause
    tensorflow | Machine learning framework | 0 | Apache-2.0
    cuda | CUDA runtime for GPUs | 0 | LicenseRef-NVIDIA
    nginx-unprivileged | NGINX that runs without root | 8080 | BSD-2-Clause
    buildpack-deps | Build dependencies of many languages | 0 | MIT
    """
)
WINDOWS_SERVER = Software("servercore", "Windows Server Core", 0, "LicenseRef-Microsoft")
