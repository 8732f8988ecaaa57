"""What a kind of content says in places of its own: its config, its labels, its layers.

The places are declared (:mod:`indexer.extract.kinds`); here their values are read, each field in
its own way, whatever sort of JSON is there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from indexer.extract import text as read
from indexer.extract.kinds import Kind, Material, Where
from indexer.extract.licenses import EXPRESSION_MAX, license_expression, licenses

VALUES_MAX = 1_000
"""Values of one place that are looked at."""

_TEXTS: Mapping[str, Callable[[str], str]] = {
    "title": read.short_text,
    "description": read.prose,
    "summary": read.prose,
    "version": read.short_text,
    "revision": read.short_text,
    "source": read.url,
    "url": read.url,
    "documentation": read.url,
    "vendor": read.short_text,
    "category": read.short_text,
    "component": read.short_text,
    "base_name": read.short_text,
    "base_digest": read.digest,
    "created": read.short_text,
}


@dataclass(frozen=True, slots=True)
class KindFields:
    """The described fields that an object's own metadata fills; what it does not say is absent.

    ``created`` is among the texts, as it is written.
    """

    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    properties: dict[str, tuple[str, ...]] = field(default_factory=dict)
    contents: tuple[str, ...] = ()


def read_kind_fields(kind: Kind, material: Material) -> KindFields:
    """Return what ``material`` says in the places that its ``kind`` declares."""
    found = KindFields({}, {}, {}, {}, _contents(kind, material))
    for name, places in kind.fields.items():
        for place in _places(places):
            if _fill(found, name, list(islice(place(material), VALUES_MAX))):
                break
    for name, places in kind.properties.items():
        if items := _first_items(_places(places), material):
            found.properties[name] = items
    return found


def _fill(own: KindFields, name: str, values: list[Any]) -> bool:
    """Put the values of a place into a field; False where they are of no use for it."""
    if name in _TEXTS:
        text = next(filter(None, map(_TEXTS[name], _scalars(values))), "")
        own.texts.update({name: text} if text else {})
        return bool(text)
    if name in _LISTS:
        items = _LISTS[name](values)
        own.lists.update({name: items} if items else {})
        if items and name == "licenses":
            own.texts["license_expression"] = _expression(values)
        return bool(items)
    is_set = any(value is True or read.is_true(str(value)[:8]) for value in values)
    own.flags.update({name: True} if is_set else {})
    return is_set


def _contents(kind: Kind, material: Material) -> tuple[str, ...]:
    texts = (
        text for place in kind.contents for text in _scalars(islice(place(material), VALUES_MAX))
    )
    return read.distinct(text for text in texts if not read.is_json(text))


def _places(places: Where | tuple[Where, ...]) -> tuple[Where, ...]:
    return places if isinstance(places, tuple) else (places,)


def _first_items(places: Iterable[Where], material: Material) -> tuple[str, ...]:
    for place in places:
        found = read.distinct(_scalars(islice(place(material), VALUES_MAX)))
        if found:
            return found
    return ()


def _scalars(values: Iterable[Any]) -> Iterator[str]:
    """Yield texts; numbers and truths become texts, and lists are walked through once."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, int) and abs(value) < 2**63:
            yield str(value)
        elif isinstance(value, float):
            yield f"{value:g}"
        elif isinstance(value, list):
            yield from _scalars(one for one in value[:VALUES_MAX] if not isinstance(one, list))
        elif isinstance(value, dict):
            yield from (
                name for key in ("name", "id", "type") if isinstance(name := value.get(key), str)
            )


def _people(values: Iterable[Any]) -> tuple[str, ...]:
    """Return authors: texts, lists of texts, or of objects with name and e-mail address."""
    found: list[str] = []
    for value in values:
        for one in value[:VALUES_MAX] if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                found.append(read.person(one))
            elif isinstance(one, str):
                is_list = one.lstrip().startswith("[")
                found += read.maintainers(one) if is_list else read.authors(one)
    return read.distinct(found)


def _keywords(values: Iterable[Any]) -> tuple[str, ...]:
    """Return keywords: a text with commas, or lists of texts, also inside a text as JSON."""
    found: list[str] = []
    for value in values:
        if isinstance(value, list):
            found += _scalars(value)
        elif isinstance(value, str):
            found += read.json_list(value) if read.is_json(value) else read.comma_list(value)
    return read.distinct(found)


def _licenses(values: Iterable[Any]) -> tuple[str, ...]:
    return read.distinct(one for raw in _scalars(values) for one in licenses(raw))


def _expression(values: Iterable[Any]) -> str:
    """Return one expression: several licences of a list all hold."""
    return " AND ".join(filter(None, map(license_expression, _scalars(values))))[:EXPRESSION_MAX]


_LISTS: Mapping[str, Callable[[Iterable[Any]], tuple[str, ...]]] = {
    "authors": _people,
    "keywords": _keywords,
    "licenses": _licenses,
}
