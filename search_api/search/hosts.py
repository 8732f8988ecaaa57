"""The names and hosts of the registries that are searched. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from indexer.errors import NotFoundError
from indexer.model import And, Condition, Everything, Or, Query, fold
from indexer.settings import RegistrySettings

_NAME_SHOWN = 100


@dataclass(frozen=True, slots=True)
class KnownRegistries:
    """The registries of the settings; without any, every name and host counts as known."""

    names: tuple[str, ...] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Each host that clients use, folded, with the host that documents have."""

    def canonical(self, host: str) -> str:
        """Return the host that documents have; a name or an unknown host as it is."""
        return self.hosts.get(fold(host), host)

    def check(self, registry: str) -> None:
        """Raise :class:`NotFoundError` if no registry has this name or host."""
        if not registry or not self.names:
            return
        if fold(registry) not in {*map(fold, self.names), *self.hosts}:
            listed = ", ".join(self.names)
            raise NotFoundError(f"no registry {registry[:_NAME_SHOWN]!r}; there are: {listed}")

    def unknown_hosts(self, query: Query) -> list[str]:
        """Return the hosts in the references of a query that no registry has."""
        return [host for host in _hosts(query) if self.hosts and host not in self.hosts]


def known_registries(registries: Iterable[RegistrySettings]) -> KnownRegistries:
    """Return the names and hosts that the settings give to registries."""
    listed = list(registries)
    hosts = {
        fold(host): one.registry_host for one in listed for host in (one.registry_host, *one.hosts)
    }
    return KnownRegistries(tuple(one.name for one in listed), hosts)


def with_canonical_hosts(query: Query, known: KnownRegistries) -> Query:
    """Return a query in which other hosts of a registry are the one that documents have."""
    match query:
        case And(parts) | Or(parts):
            return replace(query, parts=tuple(with_canonical_hosts(part, known) for part in parts))
        case Condition("host", value, is_prefix=False):
            return Condition("host", fold(known.canonical(value)))
        case _:
            return query


def without_hosts(query: Query, hosts: Iterable[str]) -> Query:
    """Return a query without some hosts of its references."""
    match query:
        case And(parts) | Or(parts):
            return replace(query, parts=tuple(without_hosts(part, hosts) for part in parts))
        case Condition("host", value) if value in hosts:
            return Everything()
        case _:
            return query


def _hosts(query: Query) -> Iterator[str]:
    """Yield the hosts that are a part of references; a host alone is a search for its content."""
    match query:
        case And(parts):
            for part in parts:
                if isinstance(part, Condition) and part.field == "host":
                    yield part.value
                yield from _hosts(part)
        case Or(parts):
            for part in parts:
                yield from _hosts(part)
