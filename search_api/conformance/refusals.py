"""Sections 2 and 8: refusals."""

from search_api.conformance.server import API, Server, require

_SEARCH = f"{API}/search"
_MALFORMED = ('"open', "(a", "a)", "size:much", "a OR", "size:>1QB", "kind:")
_ODD = (
    *("\x00", "\ud7ff\u202e", "a" * 100_000, "((((" * 100, "* * *", "\\"),
    *('""', ":" * 50, "%00%ff"),
)


def unknown_parameters_are_refused(server: Server) -> None:
    """Check that an unknown parameter is not ignored."""
    error = server.read_refusal(_SEARCH, {"q": "a", "fliter": "kind:image"})
    require(error["code"] == "PARAMETER_INVALID", f"an unknown parameter: {error['code']}")
    require("fliter" in error["message"], f"it is not named: {error['message']!r}")


def repeated_parameters_are_refused(server: Server) -> None:
    """Check that a parameter given twice is refused."""
    error = server.read_refusal(_SEARCH, [("q", "a"), ("q", "b")])
    require(error["code"] == "PARAMETER_INVALID", f"a parameter given twice: {error['code']}")


def bad_values_are_refused(server: Server) -> None:
    """Check that malformed values are refused."""
    wrong = {
        "limit": ("0", "-1", "1001", "many", ""),
        "type": ("images", "IMAGE"),
        "sort": ("stars", "-"),
        "cursor": ("x", "!", "W10"),
        "facets": ("colour",),
    }
    for name, values in wrong.items():
        for value in values:
            error = server.read_refusal(_SEARCH, {name: value})
            code = error["code"]
            require(code == "PARAMETER_INVALID", f"{name}={value!r} is refused with {code}")


def mistakes_in_queries_are_pointed_at(server: Server) -> None:
    """Check that a malformed query is refused with the column of the mistake."""
    for query in _MALFORMED:
        error = server.read_refusal(_SEARCH, {"q": query})
        require(error["code"] == "QUERY_INVALID", f"{query!r} is refused with {error['code']}")
        detail = error.get("detail")
        column = detail.get("column") if isinstance(detail, dict) else None
        is_there = isinstance(column, int) and 1 <= column <= len(query) + 1
        require(is_there, f"{query!r}: column is {column!r}")


def odd_queries_are_answered(server: Server) -> None:
    """Check that even odd queries are answered with 200 or a refusal."""
    for query in _ODD:
        response = server.request(_SEARCH, {"q": query[:8_000]})
        require(
            response.status_code in {200, 400, 414},
            f"q={query[:20]!r}…: status {response.status_code}",
        )
        if response.status_code != 414:
            server.check_response(response, status=response.status_code)


def unknown_addresses_are_not_found(server: Server) -> None:
    """Check the answer for an address that does not exist."""
    error = server.read_refusal(f"{API}/nothing-is-here", {}, status=404)
    require(error["code"] == "NOT_FOUND", f"an unknown address: {error['code']}")


def other_methods_are_refused(server: Server) -> None:
    """Check that only GET and HEAD are answered."""
    response = server.request(_SEARCH, method="POST")
    require(response.status_code == 405, f"POST {_SEARCH}: status {response.status_code}")
    require("GET" in response.headers.get("allow", ""), f"POST {_SEARCH}: no Allow header")


def head_is_answered_like_get(server: Server) -> None:
    """Check that HEAD has the status of GET and no body."""
    for parameters in ({"q": ""}, {"limit": "0"}):
        got = server.request(_SEARCH, parameters).status_code
        head = server.request(_SEARCH, parameters, method="HEAD")
        require(head.status_code == got, f"HEAD {_SEARCH}: {head.status_code}, GET {got}")
        require(not head.content, f"HEAD {_SEARCH}: there is a body")


CHECKS = (
    ("unknown parameters are refused", "2", unknown_parameters_are_refused),
    ("repeated parameters are refused", "2", repeated_parameters_are_refused),
    ("bad values are refused", "2", bad_values_are_refused),
    ("mistakes in queries are pointed at", "8", mistakes_in_queries_are_pointed_at),
    ("odd queries are answered", "8", odd_queries_are_answered),
    ("unknown addresses are not found", "8", unknown_addresses_are_not_found),
    ("other methods are refused", "2", other_methods_are_refused),
    ("HEAD is answered like GET", "2", head_is_answered_like_get),
)
