"""Where a form was sent from: only pages of this service may sign somebody in or out."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope


def is_from_here(scope: Scope, public_url: str) -> bool:
    """Tell whether a page of this service sent a form, as the browser says.

    Browsers say it in ``Sec-Fetch-Site``, over TLS, else in ``Origin``; pages cannot change either.
    """
    headers = Headers(scope=scope)
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = urlsplit(headers.get("origin", "")).netloc
    return bool(origin) and origin in {headers.get("host", ""), urlsplit(public_url).netloc}
