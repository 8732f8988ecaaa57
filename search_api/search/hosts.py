"""The names and hosts of the registries that are searched. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from indexer.errors import NotFoundError
from indexer.model import And, Condition, Everything, Or, Query, Rights, fold
from indexer.settings import RegistrySettings

_NAME_SHOWN = 100


@dataclass(frozen=True, slots=True)
class KnownRegistries:
    """The registries of the settings; if nothing is known, every name and host counts as known."""

    names: tuple[str, ...] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Each host that clients use, folded, with the host that documents have."""
    are_all: bool = True
    """Whether no registry is left out because it may not be seen."""

    def canonical(self, host: str) -> str:
        """Return the host that documents have; a name or an unknown host as it is."""
        return self.hosts.get(fold(host), host)

    def check(self, registry: str) -> None:
        """Raise :class:`NotFoundError` if no registry has this name or host."""
        if not registry or (self.are_all and not self.names):
            return
        if fold(registry) not in {*map(fold, self.names), *self.hosts}:
            listed = f"; there are: {', '.join(self.names)}" if self.names else ""
            raise NotFoundError(f"no registry {registry[:_NAME_SHOWN]!r}{listed}")

    def unknown_hosts(self, query: Query) -> list[str]:
        """Return the hosts in the references of a query that no registry has."""
        is_known = bool(self.hosts) or not self.are_all
        return [host for host in _hosts(query) if is_known and host not in self.hosts]


class ConfiguredRegistries:
    """The names and hosts that the settings give to registries."""

    def __init__(self, registries: Iterable[RegistrySettings]) -> None:
        self._registries = tuple(registries)
        self._all = _known(self._registries)

    def seen_by(self, rights: Rights) -> KnownRegistries:
        """Return the registries of which anything may be seen."""
        if rights.are_all:
            return self._all
        seen = [one for one in self._registries if rights.sees_registry(one.name)]
        return replace(_known(seen), are_all=False)

    def are_limited(self, rights: Rights, *, registry: str, host: str) -> bool:
        """Tell whether a search in a registry, or at a host, may lack anything for these rights.

        It says nothing of what a registry holds. Empty names stand for any.
        """
        if rights.are_all:
            return False
        searched = self.searched(registry=registry, host=host)
        return not all(rights.sees_all_of(one) for one in searched)

    def searched(self, *, registry: str, host: str) -> list[str]:
        """Return the names of the registries that are searched; all if none has these names."""
        named, at = fold(registry), fold(host)
        searched = [
            one.name
            for one in self._registries
            if (not named or named in {fold(one.name), *_hosts_of(one)})
            and (not at or at in _hosts_of(one))
        ]
        return searched or [one.name for one in self._registries]


def _known(registries: Sequence[RegistrySettings]) -> KnownRegistries:
    hosts = {host: one.registry_host for one in registries for host in _hosts_of(one)}
    return KnownRegistries(tuple(one.name for one in registries), hosts)


def _hosts_of(registry: RegistrySettings) -> list[str]:
    return [fold(host) for host in (registry.registry_host, *registry.hosts)]


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
