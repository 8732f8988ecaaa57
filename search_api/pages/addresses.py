"""The addresses of pages, of their files, and of what the API says of the same. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

from search_api.search import API

_KEPT = "/:@"
"""Signs of references that addresses keep as they are, so that people can read them."""


class Addresses:
    """Makes addresses that begin with ``base``, the path of ``public_url``; empty at the root."""

    def __init__(self, base: str = "", *, files: str = "") -> None:
        """Take the hash of all files, which their addresses have, for they are kept for ever."""
        self.base = base
        self._files = files

    def start(self) -> str:
        """Return the address of the first page."""
        return f"{self.base}/"

    def page(self, name: str, **parameters: str | int | None) -> str:
        """Return the address of a page such as ``search``; empty parameters are left out."""
        return f"{self.base}/{name}{_query(parameters)}"

    def search(self, q: str = "", **parameters: str | int | None) -> str:
        """Return the address of a search."""
        return self.page("search", q=q, **parameters)

    def repository(self, registry: str, repository: str, **parameters: str | int | None) -> str:
        """Return the address of a repository."""
        return self.page(f"r/{_path(registry)}/{_path(repository)}", **parameters)

    def tag(self, registry: str, repository: str, tag: str, **parameters: str | int | None) -> str:
        """Return the address of the image of a tag."""
        return self.page(f"r/{_path(registry)}/{_path(repository)}:{_path(tag)}", **parameters)

    def image(
        self, digest: str, registry: str = "", repository: str = "", **parameters: str | int | None
    ) -> str:
        """Return the address of an image, in one repository if it is named."""
        return self.page(
            f"i/{_path(digest)}", registry=registry, repository=repository, **parameters
        )

    def layer(self, digest: str) -> str:
        """Return the address of a layer."""
        return self.page(f"l/{_path(digest)}")

    def registry(self, registry: str) -> str:
        """Return the address of what the status says of a registry."""
        # Elements of a page may have the name of a registry, such as "main".
        return f"{self.page('status')}#registry-{_path(registry)}"

    def file(self, name: str) -> str:
        """Return the address of a file of the page."""
        return f"{self.base}/static/{self._files}/{name}"

    def api(self, path: str, **parameters: str | int | None) -> str:
        """Return an address of the API."""
        return f"{self.base}{API}/{_path(path)}{_query(parameters)}"


@lru_cache(maxsize=4_096)
def _path(text: str) -> str:
    return quote(text, safe=_KEPT)


def _query(parameters: Mapping[str, str | int | None]) -> str:
    # A page has some hundred addresses, and urlencode takes twice as long.
    given = [
        f"{name}={quote_plus(str(value), safe=_KEPT)}"
        for name, value in parameters.items()
        if value is not None and value != ""
    ]
    return f"?{'&'.join(given)}" if given else ""
