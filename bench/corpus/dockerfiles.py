"""Build histories of images, with entries as BuildKit and older builders write them."""

from collections.abc import Sequence

from bench.corpus.dice import Dice
from bench.corpus.made import compact
from bench.corpus.plan import Plan, Role

CREATED = "\x00"
"""The placeholder of the build time in a history."""

_ROOT_FILE_SYSTEMS = (
    "ADD file:{hex} in / ",
    "# debian.sh --arch 'amd64' out/ 'trixie' '@1760000000'",
    "ADD rootfs.tar.xz / # buildkit",
)
_INSTALLS = (
    (
        "RUN /bin/sh -c set -eux; apt-get update; apt-get install -y --no-install-recommends "
        "ca-certificates curl gnupg netbase sq wget tzdata libssl3 libffi8 libsqlite3-0 "
        "{package} {second}-dev; rm -rf /var/lib/apt/lists/*; groupadd --gid {number} app; "
        "useradd --uid {number} --gid app --shell /bin/bash --create-home app # buildkit"
    ),
    (
        "RUN /bin/sh -c apk add --no-cache --virtual .build-deps gcc g++ make musl-dev "
        "linux-headers openssl-dev {package}-dev && wget -O /tmp/{package}.tar.gz "
        "https://downloads.example.org/{package}-{number}.tar.gz && echo '{hex} "
        "/tmp/{package}.tar.gz' | sha256sum -c - && tar -xzf /tmp/{package}.tar.gz -C "
        "/usr/src && cd /usr/src/{package} && ./configure --prefix=/usr/local --enable-shared "
        "&& make -j $(nproc) && make install && apk del --no-network .build-deps && rm -rf "
        "/tmp/* /usr/src/{package} # buildkit"
    ),
    (
        "RUN /bin/sh -c dnf install -y --setopt=install_weak_deps=0 --nodocs {package} "
        "{second} shadow-utils && dnf clean all && rm -rf /var/cache/dnf /var/log/* && mkdir "
        "-p /opt/{package} && chown {number}:0 /opt/{package} && chmod -R g=u /opt/{package} "
        "# buildkit"
    ),
    (
        'RUN /bin/sh -c set -eux; savedAptMark="$(apt-mark showmanual)"; apt-get update; '
        "apt-get install -y --no-install-recommends dpkg-dev gcc libbz2-dev libc6-dev "
        'libdb-dev libexpat1-dev libffi-dev {package}; export GNUPGHOME="$(mktemp -d)"; gpg '
        "--batch --keyserver hkps://keys.example.org --recv-keys {hex}; gpg --batch --verify "
        '{package}.asc {package}.tar.xz; gpgconf --kill all; rm -rf "$GNUPGHOME"; apt-mark '
        "auto '.*' > /dev/null; apt-mark manual $savedAptMark; ldconfig; {package} --version "
        "# buildkit"
    ),
)
_COPIES = (
    "COPY --chown=app:app ./{package} /app/{package} # buildkit",
    "COPY requirements.lock pyproject.toml /app/ # buildkit",
    "COPY /build/out/bin/{package} /usr/local/bin/{package} # buildkit",
    "COPY dir:{hex} in /opt/{package}/ ",
    (
        "RUN /bin/sh -c pip install --no-cache-dir --requirement /app/requirements.lock "
        "--require-hashes && python -m compileall -q /app && find /app -name '*.pyc' -newer "
        "/app/pyproject.toml -delete # buildkit"
    ),
    (
        "RUN /bin/sh -c npm ci --omit=dev --ignore-scripts && npm cache clean --force && npm "
        "run build --workspace {package} && rm -rf node_modules/.cache # buildkit"
    ),
    "COPY --link docker-entrypoint.sh healthcheck.sh /usr/local/bin/ # buildkit",
    (
        "RUN |2 VERSION=1.{number} TARGETARCH=amd64 /bin/sh -c curl -fsSL -o "
        "/usr/local/bin/tini https://downloads.example.com/tini/v1.{number}/tini-amd64 && "
        "chmod +x /usr/local/bin/tini # buildkit"
    ),
)
_SETTINGS = (
    (
        "ENV "
        "PATH=/usr/local/{package}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    ),
    "ENV LANG=C.UTF-8 LC_ALL=C.UTF-8 {upper}_VERSION=1.{number}",
    "WORKDIR /app",
    "LABEL org.opencontainers.image.vendor=example com.example.component={package}",
    "EXPOSE map[{number}/tcp:{{}}]",
    "USER {number}:{number}",
    'ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh" "{package}"]',
    'CMD ["{package}" "--config" "/etc/{package}/{package}.yaml"]',
    "ARG {upper}_BUILD_DATE={number}",
    "STOPSIGNAL SIGQUIT",
    (
        'HEALTHCHECK &{{["CMD-SHELL" "curl -fsS http://localhost:{number}/healthz || exit 1"] '
        '"30s" "5s"}}'
    ),
    "VOLUME [/var/lib/{package} /var/log/{package}]",
)


def make_history(plan: Plan, packages: Sequence[str]) -> str:
    """Return the entries that a repository's images add, as a JSON list without its brackets.

    The plan gives the number of entries with a layer; about as many have none. :data:`CREATED`
    is in the place of the build time.
    """
    dice = Dice(plan.key, "history")
    entries = []
    for number in range(plan.own_layers):
        if number == 0 and plan.role is Role.BASE:
            made_by = dice.choose(_ROOT_FILE_SYSTEMS)
        else:
            is_early = plan.role is not Role.LEAF or number < plan.own_layers / 3
            made_by = dice.choose(_INSTALLS if is_early else _COPIES)
        entries.append(_entry(made_by, dice, packages, is_empty=False))
        entries.append(_entry(dice.choose(_SETTINGS), dice, packages, is_empty=True))
    return ",".join(entries)


def _entry(made_by: str, dice: Dice, packages: Sequence[str], *, is_empty: bool) -> str:
    package = dice.choose(packages)
    text = made_by.format(
        package=package,
        second=dice.choose(packages),
        upper=package.upper().replace("-", "_"),
        number=dice.between(1_000, 9_999),
        hex=f"{dice.below(2**48):012x}" * 3,
    )
    entry: dict[str, object] = {"created": "CREATED", "created_by": text}
    if text.endswith("# buildkit") or is_empty:
        entry["comment"] = "buildkit.dockerfile.v0"
    if is_empty:
        entry["empty_layer"] = True
    return compact(entry).replace('"CREATED"', f'"{CREATED}"', 1)
