"""Readers of single values: prose without markup, URLs, authors, lists of keywords.

A reader gets the raw text of one label or annotation and returns ``""`` or ``()`` where the text
is of no use for its field, so that the next key is tried.
"""

import json
import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser

from indexer.errors import InvalidValueError
from indexer.model import JSON_DEPTH_MAX, one_line, parse_digest

TEXT_MAX = 4 * 1_024
"""Characters of one value that are used; the raw pair keeps more."""
SHORT_MAX = 256
"""Characters of one name: a title, a licence, a keyword, an author."""
URL_MAX = 2_048
ITEMS_MAX = 100
"""Entries of one list."""
SUMMARY_MAX = 200

_MARKUP_MAX = 4 * TEXT_MAX
_MARKUP = re.compile(r"<[a-zA-Z/!]|&[a-zA-Z#]")
_DECLARATION = re.compile(r"<[!?][^<>]*+>")
_UNCLOSED = re.compile(r"""<(?![a-zA-Z/](?:[^<>"']++|"[^<>"]*+"|'[^<>']*+')*+>)""")
_URL = re.compile(r"(?:https?|git|ssh|oci)://[^\s<>\"]+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s+[^a-z\s])|[。！？]")
# A comma parts two authors, but not a company from its legal form.
_AUTHOR_END = re.compile(r"[;\n]|,(?!\s*(?:inc|llc|ltd|corp|co|gmbh|ag|plc|s\.a)\b)", re.IGNORECASE)

_BLOCKS = (
    "address article aside blockquote br dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li main"
    " nav ol p pre section table tbody td tfoot th thead tr ul"
)
_INLINES = (
    "a abbr b body center cite code del em figure font html i iframe img ins kbd meta q s samp"
    " small span strike strong sub sup tt u video wbr"
)
_BLOCK_TAGS = frozenset(_BLOCKS.split())
_HIDDEN_TAGS = frozenset({"head", "script", "style", "svg", "template"})
_TAGS = _BLOCK_TAGS | _HIDDEN_TAGS | frozenset(_INLINES.split())


class _Stripper(HTMLParser):
    """Collects the text between the tags of HTML; ``<placeholder>`` is text, not a tag."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _HIDDEN_TAGS:
            self._hidden += 1
        elif tag not in _TAGS:
            self.handle_data(self.get_starttag_text() or "")
        elif tag in _BLOCK_TAGS:
            self.handle_data(" ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        if tag not in _HIDDEN_TAGS:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN_TAGS:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BLOCK_TAGS:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def without_markup(text: str) -> str:
    """Return ``text`` without HTML tags, comments and entities; plain text comes back as it is."""
    if not _MARKUP.search(text):
        return text
    stripper = _Stripper()
    # The parser searches to the end for each "<" that nothing closes, so those become text first.
    declared = _DECLARATION.sub("", _without_comments(text[:_MARKUP_MAX]))
    stripper.feed(_UNCLOSED.sub("&lt;", declared))
    stripper.close()
    return "".join(stripper.parts)


def _without_comments(text: str) -> str:
    start, *others = text.split("<!--")
    rests = (other.partition("-->") for other in others)
    return start + "".join(rest if end else comment for comment, end, rest in rests)


def short_text(raw: str) -> str:
    """Return one line of at most 256 characters; nothing for JSON."""
    return "" if is_json(raw) else one_line(raw, limit=SHORT_MAX)


def prose(raw: str) -> str:
    """Return one line of at most 4,096 characters without markup; nothing for JSON."""
    return "" if is_json(raw) else one_line(without_markup(raw), limit=TEXT_MAX)


def first_sentence(text: str) -> str:
    """Return the first sentence of a description, at most 200 characters."""
    end = _SENTENCE_END.search(text)
    return one_line(text[: end.end()] if end else text, limit=SUMMARY_MAX)


def url(raw: str) -> str:
    """Return a URL with a scheme that is safe to show as a link, else nothing."""
    text = raw.strip()
    is_url = len(text) <= URL_MAX and text.isprintable() and _URL.fullmatch(text)
    return text if is_url else ""


def digest(raw: str) -> str:
    """Return a digest, else nothing."""
    try:
        return parse_digest(raw.strip())
    except InvalidValueError:
        return ""


def is_true(raw: str) -> bool:
    """Tell whether a flag is set."""
    return raw.strip().lower() == "true"


def authors(raw: str) -> tuple[str, ...]:
    """Return the authors of a free text that separates them by comma, semicolon or line."""
    return () if is_json(raw) else distinct(_AUTHOR_END.split(raw[:TEXT_MAX]))


def maintainers(raw: str) -> tuple[str, ...]:
    """Return ``name <email>`` of a JSON list of objects with these two keys."""
    return distinct(person(entry) for entry in _json_list(raw) if isinstance(entry, dict))


def comma_list(raw: str) -> tuple[str, ...]:
    """Return the entries of a list with commas."""
    return () if is_json(raw) else distinct(raw[:TEXT_MAX].split(","))


def comma_or_space_list(raw: str) -> tuple[str, ...]:
    """Return the entries of a list with commas, or with spaces where there is no comma."""
    return comma_list(raw if "," in raw else ",".join(raw[:TEXT_MAX].split()))


def json_list(raw: str) -> tuple[str, ...]:
    """Return the texts of a JSON list."""
    return distinct(entry for entry in _json_list(raw) if isinstance(entry, str))


def person(entry: Mapping[str, object]) -> str:
    """Return ``name <email>`` of an object with these two keys, or what there is of it."""
    name, email = entry.get("name"), entry.get("email")
    name = name if isinstance(name, str) else ""
    email = email if isinstance(email, str) else ""
    return f"{name} <{email}>" if name and email else name or email


def is_json(raw: str) -> bool:
    """Tell whether a value is for programs rather than people."""
    return raw.lstrip()[:1] in ("{", "[")


def _json_list(raw: str) -> list[object]:
    # The few brackets of a list of objects: anything deeper is not what these keys hold.
    if raw.count("[") + raw.count("{") > JSON_DEPTH_MAX + ITEMS_MAX:
        return []
    try:
        value = json.loads(raw)
    except ValueError:
        return []
    return value[:ITEMS_MAX] if isinstance(value, list) else []


def distinct(pieces: Iterable[str]) -> tuple[str, ...]:
    """Return at most 100 different lines that are not empty, each of at most 256 characters."""
    lines = (one_line(piece, limit=SHORT_MAX) for piece in pieces)
    return tuple(dict.fromkeys(line for line in lines if line))[:ITEMS_MAX]
