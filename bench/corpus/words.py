"""Our own words: teams, products and components, and sentences about them."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


TEAMS = _words(
    """
    payments identity search checkout logistics billing ledger catalog media ads risk fraud growth
    platform infra observability data ml mobile web edge network security compliance support
    warehouse pricing loyalty messaging notifications reporting forecast mapping fleet telemetry
    robotics genomics imaging trading insurance energy retail travel hotel cargo rail aviation
    farming health pharmacy lab school library archive news video audio games sport
    """
)
PRODUCTS = _words(
    """
    shop basket invoice ledger wallet account profile session token vault order shipment parcel
    route depot stock price coupon campaign banner feed timeline comment review rating chat mail
    push alert incident metric trace log dashboard report export import sync backup snapshot image
    thumbnail transcode stream playlist caption map tile geocode weather sensor meter device
    firmware sample genome cohort claim policy quote trade position portfolio risk-score limit
    audit consent cookie crawler index query suggest spell translate speech vision label feature
    model training inference batch
    """
)
COMPONENTS = _words(
    """
    api web worker gateway scheduler consumer producer proxy frontend backend cron importer
    exporter migrator operator controller agent sidecar ui admin server client sync cache router
    loader indexer renderer webhook job service daemon bridge adapter broker collector processor
    validator simulator toolbox
    """
)
SYLLABLES = _words(
    """
    vel ko ra lu mo ri zan te qui no bra di fen ul sha gor mi pex al to nu ve ory cas tri on dax
    el ph um
    """
)
GROUPS = _words(
    """
    backend frontend tools libs experiments legacy ci internal public shared mirror sandbox
    """
)
PEOPLE = _words(
    """
    ada grace linus ken barbara alan edsger donald margaret radia hedy tim guido bjarne yukihiro
    rob anders katherine dorothy mary joan frances jean kathleen marlyn ruth betty leslie tony
    niklaus
    """
)
ADJECTIVES = _words(
    """
    small fast reliable internal experimental distributed stateless scalable lightweight hardened
    multi-tenant event-driven self-hosted cloud-native highly-available read-only asynchronous
    streaming versioned encrypted audited legacy modern minimal complete central regional offline
    real-time idempotent observable portable
    """
)
THINGS = _words(
    """
    service gateway worker library daemon dashboard pipeline exporter controller scheduler
    frontend backend connector simulator toolkit agent cache proxy store queue registry engine
    console portal monitor importer
    """
)
TASKS = _words(
    """
    collects renders forwards stores validates aggregates compresses encrypts signs schedules
    publishes replays indexes translates archives reconciles deduplicates anonymises resizes
    streams imports exports monitors rotates mirrors prices routes classifies summarises
    transcodes simulates caches
    """
)
OBJECTS = _lines(
    """
    orders
    invoices from suppliers
    customer accounts
    session tokens
    sensor readings
    delivery routes
    stock levels
    price lists
    access logs
    audit trails
    payment events
    search queries
    product images
    video segments
    map tiles
    weather reports
    medical images
    gene sequences
    insurance claims
    trading positions
    backup snapshots
    mail templates
    push notifications
    feature flags
    metrics and traces
    certificates
    database dumps
    configuration files
    user consents
    machine learning features
    speech recordings
    translations
    time series
    shipping labels
    meter readings
    crawl results
    """
)
PLACES = _lines(
    """
    the web shop
    all regions
    the warehouse
    the mobile apps
    the data lake
    the call centre
    partners
    the edge network
    our laboratories
    the trading floor
    every cluster
    the finance department
    public sector customers
    the newsroom
    field engineers
    developers
    the night batch
    the staging environment
    Kubernetes
    bare metal machines
    """
)
DETAILS = _lines(
    """
    Written in Go without dependencies.
    Exposes Prometheus metrics on a port of its own.
    Speaks gRPC and REST.
    Needs PostgreSQL 15 or newer.
    Reads from Kafka and writes Parquet files.
    Configured by environment variables only.
    Runs as an unprivileged user with a read-only root file system.
    Deprecated: use the successor in the platform group.
    Built nightly from the main branch.
    Contains native builds for arm64 and amd64.
    See the runbook before you scale it beyond three replicas.
    Übersetzt für Kundinnen und Kunden in Österreich und der Schweiz.
    日本語のドキュメントが含まれています。
    Includes debugging tools; not meant for production.
    Supports OpenTelemetry out of the box.
    Part of the order-to-cash chain.
    """
)
COMPANIES = _lines(
    """
    Example Ltd
    Northwind Systems
    Acme Corporation
    Blue Harbour GmbH
    Meridian Labs
    Tall Pines Software
    Fjord Data AS
    Cobalt & Daughters
    Open Harvest Foundation
    Société Lumière
    Kappa Logistik AG
    Orchard Street Media
    """
)
LICENSES = _lines(
    """
    Apache-2.0
    MIT
    BSD-3-Clause
    GPL-3.0-or-later
    MPL-2.0
    AGPL-3.0-only
    LicenseRef-Proprietary
    Apache-2.0 AND MIT
    """
)
