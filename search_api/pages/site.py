"""What all pages share: the templates, the headers, the state of the service, and mistakes."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from indexer.clock import Clock
from indexer.errors import StoreError
from search_api.access import SignIn
from search_api.api import kept_response
from search_api.pages.addresses import Addresses
from search_api.pages.filters import FILTERS
from search_api.pages.freshness import complete_since, stale_sentences
from search_api.pages.visitor import visitor_of
from search_api.search import VIEWER, SearchService, freshness_json

STATIC = Path(__file__).parent / "static"
STYLESHEET = "page.css"
FRAGMENT = "X-Fragment"
"""The header by which the script asks for a part of a page."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SIGN_IN = "sign_in.html"
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none';"
    " form-action 'self'; img-src 'self' data:; object-src 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": f"Accept, {FRAGMENT}",
}


_OF_EVERY_OBJECT = frozenset(dir(dict))
"""What templates may call on a JSON object, such as ``items``."""


def read_files() -> dict[str, bytes]:
    """Return the files of the page by name; all stylesheets are one of them."""
    read = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir(), reverse=True)}
    styles = [content for name, content in read.items() if name.endswith(".css")]
    return {name: content for name, content in read.items() if not name.endswith(".css")} | {
        STYLESHEET: b"".join(styles)
    }


class _Templates(Environment):
    """Looks for ``one.name`` in a JSON object before its attributes, which it has none of.

    The other way round an exception is raised and caught a thousand times a page, a quarter of
    the time of rendering.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what ``obj.attribute`` stands for in a template."""
        if type(obj) is dict and attribute in obj and attribute not in _OF_EVERY_OBJECT:
            return obj[attribute]
        return super().getattr(obj, attribute)


@dataclass(frozen=True, slots=True)
class PageView:
    """What a page shows: a template with its values, and what it is called.

    ``twin`` is the address of the same in the API. ``fragment`` is the block of the template that
    the script may ask for alone. A browser asks whether a page that it ``is_kept`` has changed.
    """

    template: str
    title: str
    values: Mapping[str, Any]
    twin: str = ""
    canonical: str = ""
    status: int = 200
    fragment: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_kept: bool = False


class Site:
    """Renders pages over a service."""

    def __init__(
        self,
        service: SearchService,
        *,
        clock: Clock,
        version: str,
        base: str = "",
        registries: Sequence[str] = (),
        sign_in: SignIn | None = None,
    ) -> None:
        """Take the path that all addresses begin with; empty at the root of the host.

        ``registries`` are the names of all, ``sign_in`` what signs users in, if anything does.
        """
        self.service = service
        self.registries = registries
        self.sign_in = sign_in
        self.clock = clock
        self.files = read_files()
        digest = hashlib.sha256(b"".join(self.files.values())).hexdigest()[:12]
        self.files_hash = digest
        self.to = Addresses(base, files=digest)
        self.version = version

    @cached_property
    def _environment(self) -> Environment:
        environment = _Templates(
            loader=PackageLoader("search_api.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= FILTERS
        environment.globals |= {"to": self.to, "version": self.version}
        return environment

    async def respond(
        self, request: Request, page: PageView, *, freshness: Mapping[str, Any] | None = None
    ) -> Response:
        """Return a whole page, or the part of it that the script asked for.

        ``freshness`` is what a search says of it; it is asked for otherwise.
        """
        if freshness is None:
            freshness = await self.freshness()
        template = self._environment.get_template(page.template)
        now = self.clock.now()
        visitor = visitor_of(request, self.sign_in, self.to)
        # Where no-referrer holds, a browser does not say either from where a form was sent.
        has_form = visitor.can_sign_out or page.template == _SIGN_IN
        referrer = "same-origin" if has_form else _HEADERS["Referrer-Policy"]
        values = {
            **page.values,
            "visitor": visitor,
            "referrer": referrer,
            "now": now,
            "page": page,
            "query": page.values.get("query", ""),
            "freshness": freshness,
            "stale": stale_sentences(freshness) if freshness else [],
            "complete_since": complete_since(freshness) if freshness else None,
        }
        wanted = request.headers.get(FRAGMENT, "")
        if wanted and wanted == page.fragment:
            context = template.new_context(values)
            text = "".join(template.blocks[wanted](context))
        else:
            text = template.render(values)
        # They come from images, and no page has any use for them.
        text = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
        headers = {**_HEADERS, "Referrer-Policy": referrer, **page.headers}
        response = HTMLResponse(text, status_code=page.status, headers=headers)
        return kept_response(request, response) if page.is_kept else response

    async def hides_some(self, registry: str = "") -> bool:
        """Tell whether a registry, or one of all, may hold what the viewer may not see."""
        rights = (await VIEWER.get().sight()).rights
        return not all(map(rights.sees_all_of, [registry] if registry else self.registries))

    async def freshness(self) -> dict[str, Any] | None:
        """Return how fresh everything is; None before an indexer made the store."""
        try:
            return freshness_json(await self.service.freshness())
        except StoreError:
            return None


def wants_html(headers: Headers) -> bool:
    """Tell whether a client asks for a page, and not for JSON or for anything.

    Browsers name HTML. Programs name JSON, or nothing: they are never given a page.
    """
    accepted = headers.get("accept", "")
    return "text/html" in accepted or "application/xhtml+xml" in accepted
