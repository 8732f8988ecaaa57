"""What a caller may see: whole registries, and single repositories of others."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be seen; equal ones have the same ``key``, by which caches know them.

    ``registries`` are seen whole, whatever comes to them later; None stands for all registries.
    Of other registries the repositories with these names are seen. Made by :func:`make_rights`,
    because the key is that of the content.
    """

    key: str
    registries: frozenset[str] | None = field(compare=False)
    repositories: Mapping[str, frozenset[str]] = field(compare=False)

    @property
    def are_all(self) -> bool:
        """Whether everything is seen."""
        return self.registries is None

    def sees_all_of(self, registry: str) -> bool:
        """Tell whether a registry is seen whole."""
        return self.registries is None or registry in self.registries

    def sees_registry(self, registry: str) -> bool:
        """Tell whether anything of a registry is seen, be it only its name."""
        return self.sees_all_of(registry) or bool(self.repositories.get(registry))

    def sees(self, registry: str, repository: str) -> bool:
        """Tell whether a repository is seen."""
        return self.sees_all_of(registry) or repository in self.repositories.get(registry, _NOTHING)

    def with_repositories(self, other: "Rights") -> "Rights":
        """Return these rights with the single repositories of others."""
        if self.registries is None:
            return self
        names = {*self.repositories, *other.repositories}
        joined = {
            name: self.repositories.get(name, _NOTHING) | other.repositories.get(name, _NOTHING)
            for name in names
        }
        return make_rights(self.registries, joined)

    def __reduce__(self) -> tuple[object, ...]:
        """Pass between processes; a read-only mapping cannot by itself."""
        return _made, (self.key, self.registries, dict(self.repositories))


def _made(
    key: str, registries: frozenset[str] | None, repositories: Mapping[str, frozenset[str]]
) -> Rights:
    return Rights(key, registries, MappingProxyType(repositories))


def make_rights(
    registries: Iterable[str], repositories: Mapping[str, Iterable[str]] = MappingProxyType({})
) -> Rights:
    """Return the right to see whole registries, and repositories of others by their registry."""
    whole = frozenset(registries)
    single = {
        registry: frozenset(names)
        for registry, names in repositories.items()
        if registry not in whole
    }
    single = {registry: names for registry, names in single.items() if names}
    content = [sorted(whole), {name: sorted(single[name]) for name in sorted(single)}]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return _made(key, whole, single)


ALL_RIGHTS = _made("all", None, {})
NO_RIGHTS = make_rights(())
