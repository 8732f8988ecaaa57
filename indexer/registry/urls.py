"""Web addresses from settings, redirects and challenges, and how they are shown."""

import httpx2

from indexer.errors import InvalidValueError
from indexer.model import one_line
from indexer.registry.responses import Response, lasting


def check_base(url: str) -> str:
    """Return the address of a registry, without a slash at the end.

    :class:`InvalidValueError` for what is no address, or holds more than scheme, host, port and
    path; the message does not repeat it, because it may hold a password.
    """
    try:
        parsed = httpx2.URL(url)
        host = parsed.host
    except (httpx2.InvalidURL, ValueError) as error:
        raise InvalidValueError(f"not the address of a registry: {error}") from error
    is_address = parsed.scheme in {"http", "https"} and bool(host)
    if not is_address or parsed.userinfo or parsed.query or parsed.fragment:
        raise InvalidValueError("a registry's address is http(s)://host[:port][/path], no more")
    return url.rstrip("/")


def get_origin(url: httpx2.URL) -> str:
    """Return scheme, host and port in the one spelling that can be compared."""
    return f"{url.scheme}://{url.netloc.decode()}"


def shown(url: httpx2.URL) -> str:
    """Return the address without its query, which may be a signature."""
    return one_line(get_origin(url) + url.raw_path.decode().partition("?")[0], limit=200)


def redirect_target(response: Response, url: httpx2.URL) -> httpx2.URL:
    """Return where a redirect leads; :class:`UnusableAnswerError` where that is no web address."""
    text = response.headers.get("location", "")
    try:
        location = url.join(text)
        is_web = location.scheme in {"http", "https"} and bool(location.host)
    except (httpx2.InvalidURL, ValueError) as error:
        raise lasting(f"GET {response.asked}: redirected to what is no URL") from error
    if not text or not is_web or location.userinfo:
        raise lasting(f"GET {response.asked}: {response.status} to no usable address")
    return location
