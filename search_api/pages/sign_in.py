"""The pages to sign in and out, and of who one is."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from indexer.errors import (
    BusyError,
    GuessLimitError,
    InvalidValueError,
    NotFoundError,
    RegsearchError,
    SignInError,
    UnreachableError,
)
from search_api.access import (
    CALLER,
    Basic,
    Caller,
    SignIn,
    is_from_here,
)
from search_api.http_errors import answer_to
from search_api.pages.site import PageView, Site
from search_api.pages.visitor import local_address
from search_api.search import VIEWER

FORM_MAX_BYTES = 16_384
_FORM = "application/x-www-form-urlencoded"
_SOURCES = {
    "htpasswd": "with a password of this service",
    "oidc": "by the issuer of this service",
    "proxy": "by the proxy in front of this service",
    "token": "with a token of this service",
}
_ELSEWHERE = (
    "No page of this service sent this form. Open the page and try again. Behind a proxy, the"
    " setting public_url must be the address that browsers see."
)


async def answer(site: Site, request: Request) -> Response:
    """Return the page to sign in, or sign in and lead back."""
    if request.method == "GET":
        return await _page(site, request, next_address=request.query_params.get("next", ""))
    sign_in = site.sign_in
    if sign_in is None or not is_from_here(request.scope, sign_in.public_url):
        return await _refusal(site, request)
    form = await _read_form(request)
    next_address = form.get("next", "")
    try:
        cookie = await _sign_in(sign_in, request, form)
    except (SignInError, GuessLimitError, BusyError, UnreachableError) as error:
        return await _page(site, request, next_address=next_address, form=form, error=error)
    return _led_on(local_address(next_address, site.to), cookie)


async def depart(site: Site, request: Request) -> Response:
    """Lead to the issuer. This is a link: the policy of the page lets forms stay here only."""
    next_address = request.query_params.get("next", "")
    try:
        departure = await _signing(site).depart(
            request.scope, local_address(next_address, site.to) if next_address else ""
        )
    except (SignInError, UnreachableError) as error:
        return await _page(site, request, next_address=next_address, error=error)
    response = _led_on(departure.address, departure.cookie)
    response.status_code = 302
    return response


async def arrive(site: Site, request: Request) -> Response:
    """Sign in who is back from the issuer, and lead to where they came from."""
    sign_in = _signing(site)
    leaving = sign_in.leave(request.scope)
    try:
        cookie, next_address = await sign_in.arrive(request.scope, dict(request.query_params))
    except (SignInError, UnreachableError) as error:
        response = await _page(site, request, next_address="", error=error)
    else:
        response = _led_on(local_address(next_address, site.to), cookie)
    response.headers.append("Set-Cookie", leaving)
    return response


def _signing(site: Site) -> SignIn:
    if site.sign_in is None:
        raise NotFoundError("nobody can sign in here")
    return site.sign_in


async def sign_out(site: Site, request: Request) -> Response:
    """End the session, and show the first page."""
    sign_in = site.sign_in
    if sign_in is None or not is_from_here(request.scope, sign_in.public_url):
        return await _refusal(site, request)
    response = _led_on(site.to.start(), sign_in.sign_out(request.scope))
    # So that nobody goes back to what the browser still has.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


async def _sign_in(sign_in: SignIn, request: Request, form: dict[str, str]) -> str:
    basic = Basic(form.get("username", "").strip(), form.get("password", ""))
    if registry := form.get("with", ""):
        return await sign_in.by_registry(request.scope, registry, basic)
    return await sign_in.by_password(request.scope, basic)


async def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; :class:`InvalidValueError` for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise InvalidValueError(f"Content-Type: send a form as {_FORM}")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_MAX_BYTES:
            raise InvalidValueError(f"the form has more than {FORM_MAX_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=10))
    except ValueError as error:
        raise InvalidValueError("the form is not readable") from error


async def _page(
    site: Site,
    request: Request,
    *,
    next_address: str,
    form: dict[str, str] | None = None,
    error: RegsearchError | None = None,
) -> Response:
    caller: Caller = request.scope.get(CALLER) or Caller("anonymous")
    status, headers = _status(request, error)
    sign_in = site.sign_in
    accounts = _accounts(sign_in) if sign_in else []
    is_known = bool(caller.name or caller.credentials)
    page = PageView(
        "sign_in.html",
        title="Who you are" if is_known and error is None else "Sign in",
        status=status,
        values={
            "accounts": accounts,
            "issuer": sign_in.issuer if sign_in else "",
            "chosen": (form or {}).get("with", accounts[0][0] if accounts else ""),
            "username": (form or {}).get("username", "")[:300],
            "next_address": local_address(next_address, site.to) if next_address else "",
            "problem": str(error)[:500] if error else "",
            "source": _SOURCES.get(caller.source, ""),
            "groups": sorted(caller.groups),
            "with_credentials": sorted(caller.credentials),
            "seen": await _seen(site) if is_known else [],
        },
        headers=headers,
    )
    return await site.respond(request, page)


def _status(request: Request, error: RegsearchError | None) -> tuple[int, dict[str, str]]:
    """Return the status of a page that says what is wrong, and its headers.

    No challenge: a browser would ask for a password in a window of its own.
    """
    if error is None:
        return 200, {}
    if isinstance(error, UnreachableError):
        return 503, {}
    answered = answer_to(request, error)
    wait = answered.headers.get("retry-after")
    return answered.status_code, {"Retry-After": wait} if wait else {}


def _accounts(sign_in: SignIn) -> list[tuple[str, str]]:
    """Return what one can sign in with: the value in the form, and its name."""
    own = [("", "this service")] if sign_in.has_users else []
    return own + [(name, f"registry {name}") for name in sign_in.registries]


async def _seen(site: Site) -> list[dict[str, Any]]:
    """Return what the viewer sees of each registry that exists for them."""
    rights = (await VIEWER.get().sight()).rights
    return [
        {
            "registry": name,
            "is_all": rights.sees_all_of(name),
            "count": len(rights.repositories.get(name, ())),
        }
        for name in site.registries
        if rights.sees_registry(name)
    ]


async def _refusal(site: Site, request: Request) -> Response:
    values = {
        "query": "",
        "message": _ELSEWHERE,
        "column": None,
        "heading": "Not sent from here",
        "retry_seconds": None,
    }
    page = PageView("mistake.html", title="Not sent from here", status=403, values=values)
    return await site.respond(request, page)


def _led_on(address: str, cookie: str) -> Response:
    response = RedirectResponse(address, status_code=303)
    response.headers["Set-Cookie"] = cookie
    response.headers["Cache-Control"] = "no-store"
    return response
