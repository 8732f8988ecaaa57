"""Reading pages: their elements, links and texts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {
    "meta",
    "link",
    "input",
    "br",
    "hr",
    "img",
    "wbr",
    "col",
    "use",
    "path",
    "rect",
    "circle",
    "line",
}


@dataclass(slots=True)
class Element:
    """An element with its attributes and what is in it."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: "list[Element | str]" = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    @property
    def text(self) -> str:
        """All text within, with white space made one space."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            yield from child._texts() if isinstance(child, Element) else (child,)

    def all(self, name: str = "", **attributes: str) -> "list[Element]":
        """Elements within, by name and attributes; ``class_`` must be one of its classes."""
        return list(self._all(name, attributes))

    def one(self, name: str = "", **attributes: str) -> "Element":
        """The only such element."""
        (found,) = self.all(name, **attributes)
        return found

    def _all(self, name: str, attributes: dict[str, str]) -> "Iterator[Element]":
        for child in self.children:
            if isinstance(child, Element):
                if child._is(name, attributes):
                    yield child
                yield from child._all(name, attributes)

    def _is(self, name: str, attributes: dict[str, str]) -> bool:
        if name and self.name != name:
            return False
        for key, value in attributes.items():
            own = self.attributes.get(key.rstrip("_").replace("_", "-"))
            if own is None or (value not in own.split() if key == "class_" else own != value):
                return False
        return True


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_html(text: str) -> Element:
    """Return the elements of a page; AssertionError where tags are not closed in order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].name}> is not closed"
    return reader.open[0]
