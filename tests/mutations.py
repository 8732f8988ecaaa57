"""Broken content: real content with bytes or values of it replaced, repeated, moved or left out."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from indexer.model import Content, media_types

LEAVES: list[Any] = [
    None,
    True,
    -1,
    2**70,
    1e308,
    "",
    "\ud800",
    "\x00\x1b[2J\u202e",
    "<p" * 50,
    "sha256:" + "g" * 64,
    "9999-99-99T99:99:99Z",
    "application/vnd.oci.image.index.v1+json",
    [],
    {},
    [[]],
    {"": None},
    ["x"] * 1_200,
    {f"k{number}": "v" for number in range(1_200)},
]
"""Values of wrong types or forms for any place."""
CONTENT_TYPES = [*media_types.MANIFEST_TYPES, "", "text/html; charset=utf-8", "a/b" * 9_000]
BODY_MAX = 10 * 1_024 * 1_024
"""Bytes of one body; larger ones are never read from a registry."""
_NOISE = (b"", b"\xff", b'"', b"[" * 80, b"{", b"\\ud83d", b"\x00", b"1e999", b"}")


class Mutator:
    """Makes broken content out of valid content; the same seed makes the same.

    A replacement comes from :data:`LEAVES` or from another place of the valid contents.
    """

    def __init__(self, valid: Sequence[Content]) -> None:
        self._valid = list(valid)
        self._transplants = list(_values(self._valid))

    def content(self, seed: int) -> Content:
        """Return the broken content of a seed; digests no longer match."""
        chance = random.Random(seed)
        return self._mutated(chance, chance.choice(self._valid))

    def _mutated(self, chance: random.Random, content: Content) -> Content:
        is_retyped = chance.random() < 0.2
        return Content(
            digest=content.digest,
            content_type=chance.choice(CONTENT_TYPES) if is_retyped else content.content_type,
            body=self._body(chance, content.body) or b"",
            config=self._body(chance, content.config),
            children=tuple(
                self._mutated(chance, part) for part in content.children if chance.random() < 0.9
            ),
        )

    def _body(self, chance: random.Random, body: bytes | None) -> bytes | None:
        if body is None or chance.random() < 0.3:
            return body
        if chance.random() < 0.3:
            return _noisy(chance, body)
        value = _parsed(body)
        for _ in range(chance.randrange(1, 4)):
            value = self._value(chance, value)
        mutated = json.dumps(value).encode()
        return mutated if len(mutated) <= BODY_MAX else body

    def _value(self, chance: random.Random, value: Any) -> Any:
        """Return a JSON value with some part of it changed; the value itself stays as it is."""
        if chance.random() < 0.12 or not isinstance(value, (dict, list)) or not value:
            return chance.choice(LEAVES if chance.random() < 0.4 else self._transplants)
        if isinstance(value, list):
            items = list(value)
            place = chance.randrange(len(items))
            items[place] = self._value(chance, items[place])
            return items * chance.choice((1, 1, 1, 1, 1, 1, 1, 40))
        pairs = dict(value)
        key = chance.choice(list(pairs))
        changed = self._value(chance, pairs.pop(key))
        if chance.random() < 0.9:
            pairs[key.swapcase() if chance.random() < 0.1 else key] = changed
        return pairs


def _noisy(chance: random.Random, body: bytes) -> bytes:
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(body) + 1)
        noise = chance.choice((*_NOISE, bytes([chance.randrange(256)])))
        body = body[:place] + noise + body[place + chance.randrange(4) :]
    return body


@lru_cache(maxsize=1_000)
def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {}


def _values(contents: Iterable[Content]) -> Iterator[Any]:
    """Yield each value of the JSON of contents that is not huge."""
    for content in contents:
        for body in (content.body, content.config):
            pending = [_parsed(body)] if body else []
            while pending:
                value = pending.pop()
                yield value
                if isinstance(value, dict):
                    pending += value.values()
                elif isinstance(value, list):
                    pending += value
        yield from _values(content.children)
