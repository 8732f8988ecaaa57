"""Who sends a request, as far as anybody could find out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

OWNER = "owner"
"""How the account is known that runs the service, and can read its files anyway."""


@dataclass(frozen=True, slots=True)
class Basic:
    """A user name and a password, as a client sent them."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: somebody with a name that was verified, or nobody in particular."""

    source: str
    """How they are known: ``anonymous``, ``htpasswd``, ``token``, ``proxy``, ``oidc``,
    ``owner``, or ``registry``, which is for a registry to find out: it has no name."""
    name: str = ""
    """The user name, exactly as its source writes it; empty if nobody verified one."""
    groups: frozenset[str] = frozenset()
    credentials: Mapping[str, Basic] = field(default_factory=dict, repr=False, hash=False)
    """What may be shown to a registry, by its name, and to no other registry."""
    is_for_metrics: bool = False
    """Whether the status and the metrics are told in full, whoever it is."""
    address: str = field(default="", compare=False)
    """Where the request came from."""
    session: str = field(default="", repr=False, compare=False)
    """The id of the session in which they signed in with a browser; empty without one."""

    def basic_for(self, registry: str) -> Basic | None:
        """Return the credentials for a registry, None if there are none."""
        return self.credentials.get(registry)
