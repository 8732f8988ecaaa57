"""URLs from settings, redirects and challenges: checking and showing them."""

import httpx2

from indexer.errors import InvalidValueError
from indexer.model import one_line
from indexer.registry.messages import destination_of
from indexer.registry.responses import Response, lasting


def check_base(url: str) -> str:
    """Return the address of a registry, without a slash at the end.

    :class:`InvalidValueError` unless it has only scheme, host, port and path. The message does not
    repeat the address, because it may contain a password.
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
    """Return scheme, host and port in one spelling, for comparisons."""
    return f"{url.scheme}://{url.netloc.decode()}"


def shown(url: httpx2.URL) -> str:
    """Return the address without its query, which may be a signature."""
    return one_line(get_origin(url) + url.raw_path.decode().partition("?")[0], limit=200)


def redirect_target(response: Response, url: httpx2.URL) -> httpx2.URL:
    """Return the target of a redirect; :class:`UnusableAnswerError` if it is no URL."""
    text = response.headers.get("location", "")
    try:
        location = url.join(text)
        is_web = location.scheme in {"http", "https"} and bool(destination_of(location).host)
    except (httpx2.InvalidURL, ValueError) as error:
        raise lasting(f"GET {response.asked}: redirected to what is no URL") from error
    if not text or not is_web or location.userinfo:
        raise lasting(f"GET {response.asked}: {response.status} to no usable address")
    return location
