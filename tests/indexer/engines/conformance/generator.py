"""Seeded random documents and queries that meet often: few words, many spellings of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from indexer.model.document import (
    LABEL_FACET,
    NUMBERS,
    PROMINENCE_MAX,
    Document,
    DocumentKey,
    Text,
    TextField,
)
from indexer.model.names import Digest, RepositoryName
from indexer.model.query import (
    And,
    AtLeast,
    Condition,
    Everything,
    FacetCondition,
    Fuzzy,
    Glob,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Range,
    Wildcard,
    Word,
)
from indexer.model.text import fold, words

NAMES = ["nginx", "ingress", "web", "api", "web2", "redis", "postgres", "team", "library", "a"]
NAMES += ["kubernetes0controller", "x86", "0", "ngin"]
TEXTS = ["reverse", "Proxy", "server", "Crème", "brûlée", "ÜBER", "nginx", "web", "the", "straße"]
TEXTS += ["数据库", "v1.2", "e-mail", "web-server", "nginx/1.25", "İstanbul", "ﬁle", "kubernetes"]
TAGS = ["latest", "1.25", "1.25-alpine", "v2", "2024-01-02", "nginx"]
KEYS = ["", "team", "org.opencontainers.image.vendor", "io/web.nginx", "über"]
KINDS = ["word", "word", "prefix", "phrase", "path", "condition", "everything"]
KINDS += ["wildcard", "fuzzy", "glob", "range", "facet"]
FACETS = ["registry", "vendor", f"{LABEL_FACET}team", f"{LABEL_FACET}", f"{LABEL_FACET}a:b"]
VALUES = ["one", "Two", "über", "a", "b", "", *(f"v{n}" for n in range(70))]


def document(
    name: str,
    *,
    description: tuple[str, ...] = (),
    labels: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    texts: tuple[Text, ...] = (),
    keywords: frozenset[tuple[str, str]] = frozenset(),
    numbers: Mapping[str, tuple[int, ...]] | None = None,
    facets: frozenset[tuple[str, str]] = frozenset(),
    registry: str = "registry.example",
    digest: Digest | None = None,
    created: int = 0,
    pushed: int = 0,
    size_bytes: int | None = 2**40,
    pulls: int = 0,
    prominence: int = 0,
) -> Document:
    return Document(
        key=DocumentKey(registry, RepositoryName(name), digest),
        name=name,
        texts=(
            *(Text(TextField.DESCRIPTION, text) for text in description),
            *(Text(TextField.LABEL, text) for text in labels),
            *(Text(TextField.TAG, text) for text in tags),
            *texts,
        ),
        keywords=keywords,
        numbers=numbers or {},
        facets=facets,
        created=created,
        pushed=pushed,
        size_bytes=size_bytes,
        pulls=pulls,
        prominence=prominence,
        result={"repository": name, "description": list(description), "created": created},
    )


def random_name(random: Random) -> str:
    components = []
    for _ in range(random.choice([1, 1, 2, 2, 3])):
        count = random.choice([1, 1, 2, 3])
        components.append(random.choice(["-", "_", ".", "__"]).join(random.choices(NAMES, k=count)))
    return "/".join(components)


def _sentence(random: Random, longest: int) -> str:
    return random.choice([" ", ", ", "  "]).join(
        random.choices(TEXTS, k=random.randint(0, longest))
    )


def random_document(random: Random, *, is_image: bool = False) -> Document:
    tags = tuple(random.sample(TAGS, random.randint(0, 3)))
    keywords = {("tag", fold(tag)) for tag in tags}
    keywords |= {("arch", random.choice(["amd64", "arm64"])), ("os", "linux")}
    keywords |= {("label", f"team={random.choice(['web', 'api', 'über'])}")}
    hexadecimal = hashlib.sha256(random.randbytes(4)).hexdigest()
    name = random_name(random)
    return document(
        # Names may differ in nothing but case.
        name.title() if random.random() < 0.1 else name,
        description=tuple(_sentence(random, 6) for _ in range(random.randint(0, 2))),
        labels=tuple(_sentence(random, 3) for _ in range(random.randint(0, 2))),
        tags=tags,
        texts=tuple(
            Text(random.choice(list(TextField)), _sentence(random, 3), random.choice(KEYS))
            for _ in range(random.randint(0, 2))
        ),
        keywords=frozenset(keywords),
        numbers=_numbers(random),
        facets=frozenset(
            (random.choice(FACETS), random.choice(VALUES)) for _ in range(random.randint(0, 6))
        ),
        registry=random.choice(["one.example", "two.example", "Two.example"]),
        digest=Digest(f"sha256:{hexadecimal}") if is_image else None,
        created=random.choice([0, 1, random.randint(0, 2**40)]),
        pushed=random.randint(-2, 2),
        size_bytes=random.choice([None, 0, 1, 2, 3]),
        pulls=random.choice([0, 0, 2**60]),
        prominence=random.choice([0, random.randint(0, 3), PROMINENCE_MAX]),
    )


def _numbers(random: Random) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(sorted(random.randint(-3, 12) for _ in range(random.randint(0, 3))))
        for name in random.sample(NUMBERS, random.randint(0, len(NUMBERS)))
    }


def random_changes(
    random: Random, documents: Mapping[str, Document], *, documents_max: int
) -> tuple[list[Document], list[str]]:
    """What to add, replace and remove next of ``documents``, by id; not more than so many stay."""
    ids = sorted(documents)
    surplus = max(0, len(ids) - documents_max)
    touched = random.sample(ids, min(len(ids), surplus + random.randint(0, 12)))
    removed, replaced = touched[: surplus + 6], touched[surplus + 6 :]
    added = [random_document(random) for _ in range(random.choice([1, 2, 25]))]
    changed = [replace(random_document(random), key=documents[each].key) for each in replaced]
    return [*added, *changed], [*removed, "nothing registry.example"]


def random_query(random: Random, *, depth: int = 2) -> Query:
    """A query tree with every kind of part."""
    if depth and random.random() < 0.5:
        parts = tuple(
            random_query(random, depth=depth - 1) for _ in range(random.choice([0, 1, 2, 2, 3]))
        )
        if parts and random.random() < 0.15:
            weights = tuple(random.randint(1, 4) for _ in parts)
            return AtLeast(
                random.randint(1, sum(weights)), parts, weights if random.random() < 0.7 else ()
            )
        return And(parts) if random.random() < 0.6 else Or(parts)
    if depth and random.random() < 0.15:
        return Not(random_query(random, depth=depth - 1))
    return _leaf(random)


def _leaf(random: Random) -> Query:
    text = fold(
        random.choice([*NAMES, *TEXTS, "-", "_", "", "web-", "zzz", "gin", "eb/a", "nginx-"])
    )
    match random.choice(KINDS):
        case "word":
            typed = random.choice(
                [
                    text,
                    f"{text}-{random.choice(NAMES)}",
                    f"{text} {fold(random.choice(TEXTS))}",
                    random_name(random),
                ]
            )
            return Word(
                typed,
                tuple(_other(random) for _ in range(random.choice([0, 0, 0, 1, 3]))),
                tuple(_other(random) for _ in range(random.choice([0, 0, 0, 2]))),
                _apart(random, words(typed)) if random.random() < 0.3 else (),
                is_whole=random.random() < 0.2,
            )
        case "prefix":
            return Prefix(text[: random.randint(0, 16)])
        case "phrase":
            return Phrase(tuple(words(f"{text} {fold(_sentence(random, 2))}")) or ("web",))
        case "path":
            return Path(random.choice([f"/{text}/", random_name(random), f"{text}/"]))
        case "condition":
            return _condition(random)
        case "wildcard":
            return Wildcard(_pattern(random, random.choice([text, random_name(random)])))
        case "fuzzy":
            return Fuzzy(misspelled(random, (words(text) or ["web"])[0]))
        case "glob":
            condition = _condition(random)
            return Glob(condition.field, _pattern(random, condition.value))
        case "facet":
            return FacetCondition(random.choice(FACETS), random.choice(VALUES))
        case "range":
            low, high = (random.choice([None, random.randint(-4, 13)]) for _ in range(2))
            return Range(random.choice(NUMBERS), low, high)
        case _:
            return Everything()


def _apart(random: Random, typed: list[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (word, *map(fold, random.sample(["web", "server", "nginx"], random.randint(0, 2))))
        for word in typed
    )


def _other(random: Random) -> Word | Phrase:
    found = words(fold(_sentence(random, random.choice([1, 1, 2])))) or ["web"]
    return Word(found[0]) if len(found) == 1 else Phrase(tuple(found))


def _pattern(random: Random, text: str) -> str:
    """A text with some of it as wildcards, sometimes alone."""
    characters = list(text)
    for _ in range(random.choice([1, 1, 2, 4])):
        start = random.randint(0, len(characters))
        end = start + random.randint(0, 3)
        characters[start:end] = random.choice(["*", "?", "?" * len(characters[start:end])])
    return "".join(characters)


def misspelled(random: Random, word: str) -> str:
    """A word with up to three edits."""
    for _ in range(random.randint(0, 3)):
        n = random.randint(0, len(word))
        word = random.choice(
            [
                word[:n] + random.choice("abxü") + word[n:],
                word[:n] + word[n + 1 :],
                word[:n] + word[n : n + 2][::-1] + word[n + 2 :],
                word[:n] + "x" + word[n + 1 :],
            ]
        )
    return word or "web"


def _condition(random: Random) -> Condition:
    field, value = random.choice(
        [
            ("arch", "amd64"),
            ("os", "linux"),
            ("os", "windows"),
            ("tag", "1.25-alpine"),
            ("label", "team=über"),
            ("nothing", "x"),
        ]
    )
    is_prefix = random.random() < 0.4
    return Condition(field, value[: random.randint(0, 5)] if is_prefix else value, is_prefix)
