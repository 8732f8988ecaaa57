"""Who looks at a page, as the page says it."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request

from search_api.access import CALLER, Caller, SignIn
from search_api.pages.addresses import Addresses

NEXT_MAX = 1_500
_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_OF_SIGNING_IN = ("sign-in", "sign-out")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page, and whether they can sign in and out."""

    name: str = ""
    """As a page shows it; empty if nobody is signed in."""
    is_verified: bool = False
    """Whether the name was verified here, and not only by a registry."""
    can_sign_in: bool = False
    can_sign_out: bool = False
    sign_in_address: str = ""
    """The page to sign in, which leads back to this one."""


def visitor_of(request: Request, sign_in: SignIn | None, to: Addresses) -> Visitor:
    """Return who sent a request."""
    caller: Caller = request.scope.get(CALLER) or Caller("anonymous")
    path = request.scope["path"]
    query = request.scope.get("query_string", b"").decode("latin-1")
    here = quote(path, safe="/:@") + (f"?{query}" if query else "")
    inner = path.removeprefix(to.base).lstrip("/").partition("/")[0]
    leads_back = request.method == "GET" and inner not in _OF_SIGNING_IN and len(here) <= NEXT_MAX
    return Visitor(
        name=shown_name(caller),
        is_verified=bool(caller.name),
        can_sign_in=sign_in is not None,
        can_sign_out=bool(caller.session),
        sign_in_address=to.page("sign-in", next=here if leads_back else ""),
    )


def shown_name(caller: Caller) -> str:
    """Return the name of a caller; if only registries know it, that of the credentials."""
    names = dict.fromkeys(one.username for one in caller.credentials.values())
    return caller.name or ", ".join(names)


def local_address(text: str, to: Addresses) -> str:
    """Return an address within this service; the first page for every other."""
    is_local = bool(_LOCAL.fullmatch(text)) and len(text) <= 2 * NEXT_MAX
    return text if is_local and text.startswith(f"{to.base}/") else to.start()
