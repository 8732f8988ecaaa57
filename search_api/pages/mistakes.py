"""What a browser sees of a mistake: the same status as the API gives, in words. Pure."""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse

from indexer.errors import QueryError
from search_api.pages.site import PageView

_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32}")
_TITLES = {
    400: "This cannot be read",
    401: "Not signed in",
    404: "Not found",
    410: "The list has changed",
    429: "Too many requests",
    503: "Not available now",
}


def mistake_page(request: Request, error: Exception, answer: JSONResponse) -> PageView:
    """Return the page for an error that the API would answer with ``answer``."""
    query = request.query_params.get("q", "")
    status = answer.status_code
    kept = {name: answer.headers[name] for name in ("retry-after",) if name in answer.headers}
    last = request.url.path.rstrip("/").rpartition("/")[2]
    if not _DIGEST.match(last):
        last = last.partition(":")[0]
    return PageView(
        "mistake.html",
        title=_TITLES.get(status, "A mistake"),
        status=status,
        values={
            "query": query or (last if status == 404 else ""),
            "message": str(error),
            "column": error.column if isinstance(error, QueryError) else None,
            "heading": _TITLES.get(status, "A mistake"),
            "retry_seconds": kept.get("retry-after"),
        },
        headers=kept,
    )
