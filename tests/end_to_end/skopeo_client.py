"""The real ``skopeo``: pushes from image layouts on the disk, and deletes."""

from pathlib import Path
from typing import Protocol

from tests.end_to_end.processes import run, run_well
from tests.end_to_end.real_registry import PASSWORD, USERNAME, RealRegistry

# Debian's policy file comes with a recommended package that a bare machine lacks.
SKOPEO = ("skopeo", "--insecure-policy")


class Addressed(Protocol):
    """A registry, or a proxy in front of it."""

    @property
    def host(self) -> str:
        """The host and port in front of a repository."""


class Skopeo:
    """The skopeo command; ``layout`` is the folder that pushes read from."""

    def __init__(self, layout: Path) -> None:
        self._layout = layout

    def push(
        self,
        name: str,
        registry: Addressed,
        image: str,
        *,
        all_platforms: bool = False,
        credentials: str = f"{USERNAME}:{PASSWORD}",
    ) -> None:
        """Copy the entry ``name`` of the layout to ``image``, a repository with its tag.

        Credentials are always given; a registry without passwords does not ask for them.
        """
        every = ["--all"] if all_platforms else []
        insecure = ["--dest-tls-verify=false", f"--dest-creds={credentials}"]
        source = f"oci:{self._layout}:{name}"
        target = f"docker://{registry.host}/{image}"
        run_well([*SKOPEO, "copy", "--quiet", *every, *insecure, source, target])

    def pull(
        self, registry: RealRegistry, image: str, folder: Path, *, all_platforms: bool = False
    ) -> None:
        """Copy an image into a folder, of an index the platform of this machine or all."""
        every = ["--all"] if all_platforms else []
        source = f"docker://{registry.host}/{image}"
        copy = [*SKOPEO, "copy", "--quiet", *every, "--src-tls-verify=false"]
        run_well([*copy, source, f"dir:{folder}"])

    def delete(self, registry: RealRegistry, image: str) -> None:
        """Delete what a tag points to; skopeo asks for the digest first and deletes that."""
        run_well([*SKOPEO, "delete", "--tls-verify=false", f"docker://{registry.host}/{image}"])

    def may_read(self, registry: Addressed, image: str, user: str, password: str) -> bool:
        """Tell whether ``skopeo inspect`` reads an image as a user, "" being nobody."""
        who = f"--creds={user}:{password}" if user else "--no-creds"
        source = f"docker://{registry.host}/{image}"
        inspect = [*SKOPEO, "inspect", "--tls-verify=false", "--no-tags", who, source]
        return run(inspect).returncode == 0

    def digest(self, registry: RealRegistry, image: str) -> str:
        """Ask the registry for the digest of an image, as any client sees it."""
        insecure = ["--tls-verify=false", "--no-tags", "--format={{.Digest}}"]
        source = f"docker://{registry.host}/{image}"
        return run_well([*SKOPEO, "inspect", *insecure, source]).strip()
