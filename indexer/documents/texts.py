"""The searchable texts of a document: each with what it is, and not without end."""

from collections.abc import Iterable, Iterator, Sequence

from indexer.documents.shares import ImageShare
from indexer.extract import Facts
from indexer.model import Text, TextField

TEXT_VALUE_MAX = 4 * 1_024
"""Characters of one label or annotation that are searchable."""
KEY_MAX = 256
"""Characters of its key."""
TEXT_MAX = 64 * 1_024
"""Characters of one document that are searchable."""
TITLES_MAX = 8 * 1_024
"""Characters of the titles of a repository's images, which come before all else."""
TAGS_MAX = 32 * 1_024
"""Characters of tags, the newest, which come before labels; all tags can be asked for."""


def repository_texts(newest_first: Sequence[ImageShare], tags: Sequence[str]) -> tuple[Text, ...]:
    """Return the texts of a repository: its tags and what its images say, both newest first.

    Those of an image are the same of the only one. ``tags`` are those of people.
    """
    titles = (text for one in newest_first for text in one.titles)
    others = (text for one in newest_first for text in one.others)
    return _bounded((titles, TITLES_MAX), (_tags(tags), TAGS_MAX), (others, TEXT_MAX))


def _bounded(*groups: tuple[Iterable[Text], int]) -> tuple[Text, ...]:
    """Return distinct texts, of each group not more characters than its limit says."""
    kept: dict[Text, None] = {}
    size = 0
    for texts, limit in groups:
        end = min(TEXT_MAX, size + limit)
        for text in texts:
            if text in kept or not (text.text or text.key):
                continue
            if size + len(text.text) + len(text.key) > end:
                break
            size += len(text.text) + len(text.key)
            kept[text] = None
    return tuple(kept)


def list_titles(facts: Facts) -> Iterator[Text]:
    """Yield what an image is called."""
    yield Text(TextField.TITLE, facts.title)


def _tags(tags: Iterable[str]) -> Iterator[Text]:
    return (Text(TextField.TAG, tag) for tag in tags)


def list_descriptions(facts: Facts) -> Iterator[Text]:
    """Yield what an image says that it is."""
    yield Text(TextField.DESCRIPTION, facts.description)
    if not facts.description.startswith(facts.summary.removesuffix("…")):
        yield Text(TextField.DESCRIPTION, facts.summary)


def list_others(facts: Facts) -> Iterator[Text]:
    """Yield all else that an image says, from its version on."""
    for key, text in _metadata(facts):
        yield Text(TextField.METADATA, text[:TEXT_VALUE_MAX], key[:KEY_MAX] if text else "")
    inherited = set(facts.inherited_labels)
    for key, value in facts.labels.items():
        if key not in inherited:
            yield _pair(TextField.LABEL, key, value)
    for key, value in facts.annotations.items():
        yield _pair(TextField.ANNOTATION, key, value)


def _metadata(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield names and texts; what only the base image says is nobody's statement about this."""
    of_base = facts.inherited_fields
    yield "version", facts.version
    yield "vendor", "" if "vendor" in of_base else facts.vendor
    yield "category", facts.category
    yield "component", facts.component
    yield "artifact", facts.artifact_name
    yield from (("keyword", keyword) for keyword in facts.keywords)
    yield from (("author", author) for author in facts.authors if "authors" not in of_base)
    yield from (("license", one) for one in facts.licenses if "licenses" not in of_base)
    for name, values in facts.properties.items():
        yield from ((name, value) for value in values)
    yield from (("contents", name) for name in facts.contents)


def _pair(field: TextField, key: str, value: str) -> Text:
    """JSON inside a value is nobody's words."""
    is_json = value.lstrip().startswith(("{", "["))
    return Text(field, "" if is_json else value[:TEXT_VALUE_MAX], key[:KEY_MAX])
