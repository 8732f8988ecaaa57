"""Images to look at: built on each other, of several platforms, attached to, moved, hostile."""

from contextlib import closing
from pathlib import Path

from indexer.model import Digest, TagName
from indexer.store import Store, TagMove
from tests.attachments import cosign_signature, list_tag
from tests.builders import artifact, helm_chart, image, index
from tests.fakes.clock import ManualClock
from tests.search_api.filling import (
    REGISTRIES,
    Pushed,
    bring_up_to_date,
    finish_crawl,
    put,
    seem_served,
)
from tests.search_api.sample_content import HOSTILE

SECRET = "correct-horse-battery-staple"
TITLE = "org.opencontainers.image.title"
SOURCE = "org.opencontainers.image.source"
HOUR = 3_600
LONG = "x" * 1_000_000

DEBIAN = image(
    labels={"distribution": "debian"},
    seed="debian",
    commands=["ADD rootfs.tar.xz /", 'CMD ["bash"]'],
    sizes=[5_000],
)
RUNTIME = image(
    labels={"distribution": "debian", TITLE: "Runtime"},
    base=DEBIAN,
    seed="runtime",
    commands=["ENV LANG=C.UTF-8", "RUN /bin/sh -c apt-get update && apt-get install -y python3"],
    sizes=[3_000],
)
OLD_WEB = image(base=RUNTIME, seed="old", commands=["COPY old /app"], sizes=[1_000])
WEB = image(
    labels={
        "distribution": "debian",
        "team": "payments",
        TITLE: "Web shop",
        SOURCE: "https://git.example.com/web",
    },
    base=RUNTIME,
    seed="web",
    env=["PATH=/usr/bin", f"DB_PASSWORD={SECRET}"],
    ports=["8080/tcp"],
    volumes=["/data"],
    entrypoint=["/app/run", "--serve"],
    cmd=["--verbose"],
    user="1000:1000",
    commands=["WORKDIR /app", "COPY . /app", "USER 1000:1000", f"ARG TOKEN={SECRET}"],
    sizes=[2_000],
)
THEME = image(base=WEB, seed="theme", commands=["COPY theme /theme"], sizes=[500])
_SHARED = image(seed="shared", commands=["COPY certificates /etc"], sizes=[1_000])
GATEWAY = index(
    [
        image(
            architecture=architecture,
            seed=f"gateway {architecture}",
            base=_SHARED,
            labels={"made-for": architecture},
            commands=["COPY gateway /"],
            sizes=[2_000],
        )
        for architecture in ("amd64", "arm64")
    ],
    attestations=True,
)
SIGNATURE = cosign_signature()
EVERYWHERE = index(
    [
        *(image(architecture=one, seed="e") for one in ("amd64", "arm64", "386", "s390x")),
        image(architecture="arm", variant="v7", seed="e"),
        image(os="windows", os_version="10.0.20348.1", seed="e"),
    ]
)
EVIL = image(
    labels={"x": HOSTILE, "long": LONG, TITLE: HOSTILE, SOURCE: "javascript:alert(1)"},
    env=[f"EVIL={HOSTILE}"],
    entrypoint=[HOSTILE],
    user=HOSTILE,
    seed="evil",
    commands=[f"RUN /bin/sh -c {HOSTILE}", f"LABEL x={HOSTILE}"],
)
CHART = helm_chart("web", "0.9.2", "Chart of the shop", app_version="1.1", deprecated=True)
FILE = artifact("application/vnd.acme.widget.v1", {"widget.bin": b"\x01"})

_BEFORE = (
    Pushed("base/debian", DEBIAN, "13"),
    Pushed("mirror/debian", DEBIAN, "13"),
    Pushed("base/runtime", RUNTIME, "3"),
    Pushed("team/web", OLD_WEB, "latest"),
    Pushed("team/gateway", GATEWAY, "2"),
    Pushed("team/gateway", SIGNATURE, f"{list_tag(GATEWAY)}.sig"),
    Pushed("team/everywhere", EVERYWHERE, "1"),
    Pushed("evil", EVIL, "1"),
    Pushed("charts/web", CHART, "0.9.2"),
    Pushed("tools/widget", FILE, "1"),
    Pushed("team/theme", THEME, "1", "second"),
)
_AFTER = (Pushed("team/web", WEB, "latest"), Pushed("team/web", WEB, "1.1"))


async def fill_images(directory: Path, *, clock: ManualClock) -> None:
    """Make a data directory of these images: ``alice`` moved ``team/web:latest`` an hour ago."""
    with closing(Store(directory)) as store:
        put(store, _BEFORE, clock=clock)
        clock.advance(5 * HOUR)
        with store.transaction():
            registry = store.registries.registry_id("main")
            assert registry is not None
            for (number,) in store._database.execute(
                "SELECT id FROM repositories WHERE registry_id = ? AND name = 'team/web'",
                [registry],
            ).fetchall():
                move = TagMove(TagName("latest"), Digest(WEB.digest), clock.now(), "alice")
                store.content.add_tag_moves(number, [move])
        put(store, _AFTER, clock=clock)
        clock.advance(HOUR)
        for name in REGISTRIES:
            finish_crawl(store, name, clock=clock)
    await bring_up_to_date(directory, clock=clock)
    seem_served(directory, clock=clock)
