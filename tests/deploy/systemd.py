"""A systemd in a container, with regsearch installed where the units look for it."""

from pathlib import Path

from tests.deploy.images import IMAGE, PROJECT, build
from tests.end_to_end.docker_client import Docker

UNITS = PROJECT / "deploy" / "systemd"
SYSTEMD_IMAGE = "systemd"
_CGROUPS = Path("/sys/fs/cgroup")

# No account and no folder of ours is there yet.
_DOCKERFILE = """\
FROM {base}
RUN apt-get update --quiet \\
    && apt-get install --yes --quiet --no-install-recommends systemd
COPY --from={image} /opt/regsearch /opt/regsearch
STOPSIGNAL SIGRTMIN+3
"""

# All that systemd needs to be the first process of a container. What it may not do here, such as
# raise its limits, it can do without; what it then gives to the units is less still.
SYSTEMD_OPTIONS = (
    "--network=host",
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp",
    *(
        # cgroups, version 2 or 1.
        ["--cgroupns=host", f"--volume={_CGROUPS}:{_CGROUPS}:rw"]
        if (_CGROUPS / "cgroup.controllers").exists()
        else [f"--volume={_CGROUPS}/systemd:{_CGROUPS}/systemd:rw"]
    ),
)
# Its settings are those of the kernel's command line. The last ones let it use version 1, if this
# machine has that.
SYSTEMD = (
    "/lib/systemd/systemd",
    "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
    "systemd.unified_cgroup_hierarchy=0",
    "systemd.legacy_systemd_cgroup_controller=1",
)


def make_systemd_image(docker: Docker, folder: Path, *, base: str) -> None:
    """Make the image from another one with the same Python, once for an Engine."""
    folder.mkdir()
    text = _DOCKERFILE.format(base=base, image=IMAGE)
    (folder / "Dockerfile").write_text(text, "utf-8")
    build(docker, folder, name=SYSTEMD_IMAGE)
