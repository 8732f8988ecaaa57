"""Where this service is for a browser, and whether one of its pages sent a form."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from indexer.errors import SignInError


def is_from_here(scope: Scope, public_url: str) -> bool:
    """Tell whether a page of this service sent a form, as the browser says.

    Browsers say it in ``Sec-Fetch-Site``, over TLS, else in ``Origin``; pages cannot change either.
    """
    headers = Headers(scope=scope)
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = urlsplit(headers.get("origin", "")).netloc
    return bool(origin) and origin in {headers.get("host", ""), urlsplit(public_url).netloc}


def base_url_of(scope: Scope, public_url: str) -> str:
    """Return the address of this service, as the browser sees it, with its path."""
    if public_url:
        return public_url
    host = Headers(scope=scope).get("host", "")
    # Anything else is no host, and would be sent to the issuer.
    if urlsplit(f"//{host}").netloc != host or "@" in host:
        raise SignInError(f"Host: {host[:100]!r} is no host")
    return f"{scope['scheme']}://{host}{scope.get('root_path', '')}"
