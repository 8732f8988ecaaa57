"""Sections 3.6 to 3.8: which words were searched, and remarks on the query."""

from typing import Any

from search_api.conformance.server import (
    ApiResponse,
    NothingToCheckError,
    Server,
    quote_value,
    read_key,
    read_value,
    require,
)

_WITH_SYNONYMS = ("k8s", "db", "postgres", "js", "web server", "load balancer")
"""Any one of these has synonyms in a service that knows some."""
_IN_NO_TEXT = "qxzvwkjqz"
_NO_HOST = "registry.invalid"
_NAMES = 10
"""Names of repositories that are tried."""


def right_words_stay(server: Server) -> None:
    """Check that the name of a repository, as it is, is not corrected."""
    for result in server.results(type="repository")[:_NAMES]:
        name = result["repository"].rpartition("/")[2]
        found = server.search(name)
        suggestion = found.body.get("suggestion") or {}
        require(not suggestion.get("is_used"), f"{found.address}: corrected to {suggestion}")
        require(found.body.get("relaxed") is None, f"{found.address}: relaxed")


def synonyms_are_told(server: Server) -> None:
    """Check that words are found by each synonym that the answer names, and not in quotes."""
    for query in _WITH_SYNONYMS:
        found = server.search(query)
        total = int(read_value(found, "total", int))
        expanded = read_value(found, "expanded", dict)
        for word, others in expanded.items():
            require(
                isinstance(others, list) and others and all(isinstance(one, str) for one in others),
                f"{found.address}: expanded[{word!r}] is {others!r}, no list of texts",
            )
        if list(expanded) == [query]:
            _check_synonyms(server, query, expanded[query], total=total)
            return
    raise NothingToCheckError("no word has synonyms, which is allowed")


def _check_synonyms(server: Server, query: str, others: list[str], *, total: int) -> None:
    for other in others:
        of_other = server.total(quote_value(other))
        require(of_other <= total, f"{query!r} finds {total}, its synonym {other!r} {of_other}")
    quoted = server.search(quote_value(query))
    require(not quoted.body.get("expanded"), f"{quoted.address}: expanded in quotes")


def a_word_too_many_is_told(server: Server) -> None:
    """Check that an answer without some words says so; conditions are never left out."""
    name = server.results(type="repository")[0]["repository"].rpartition("/")[2]
    held = server.search(f"{quote_value(name)} tag:{_IN_NO_TEXT}")
    require(held.body.get("total") == 0, f"{held.address}: finds what has no such tag")
    require(held.body.get("relaxed") is None, f"{held.address}: a condition is left out")
    found = server.search(f"{name} {_IN_NO_TEXT}")
    relaxed = read_value(found, "relaxed", (dict, type(None)))
    if relaxed is None:
        require(found.body.get("total") == 0, f"{found.address}: not said to be relaxed")
        raise NothingToCheckError("all words must match, which is allowed")
    _check_relaxed(found, relaxed)


def _check_relaxed(found: ApiResponse, relaxed: dict[str, Any]) -> None:
    where = f"{found.address}, relaxed"
    matched, of = (read_key(relaxed, key, int, where=where) for key in ("matched", "of"))
    left_out = read_key(relaxed, "left_out", list, where=where)
    require(0 < matched < of, f"{where}: {matched} of {of} words")
    require(len(left_out) <= of - matched, f"{where}: {left_out} of {of} words, {matched} matched")
    require(_IN_NO_TEXT in left_out, f"{where}: {left_out} without {_IN_NO_TEXT!r}")
    require(found.body.get("results"), f"{where}: no result matches any word")


def remarks_are_made(server: Server) -> None:
    """Check that a host of no registry and a misspelt field are named."""
    name = server.results(type="repository")[0]["repository"]
    pasted = server.search(f"{_NO_HOST}/{name}")
    require("HOST_UNKNOWN" in _codes(pasted), f"{pasted.address}: {_NO_HOST} is not named")
    names = {one["repository"] for one in read_value(pasted, "results", list)}
    require(name in names, f"{pasted.address}: {name} is not found without its host")
    misspelt = server.search(f"licence:{_IN_NO_TEXT}")
    require("FIELD_UNKNOWN" in _codes(misspelt), f"{misspelt.address}: licence is not named")
    require(not _codes(server.search()), "a search for everything has notes")


def _codes(found: ApiResponse) -> set[str]:
    where = f"{found.address}, notes"
    notes = read_value(found, "notes", list)
    for note in notes:
        require(read_key(note, "message", str, where=where), f"{where}: an empty message")
    return {read_key(note, "code", str, where=where) for note in notes}


CHECKS = (
    ("right words stay as they are", "3.6", right_words_stay),
    ("synonyms are told", "3.7", synonyms_are_told),
    ("a word too many is told", "3.7", a_word_too_many_is_told),
    ("unknown hosts and fields are named", "3.8", remarks_are_made),
)
