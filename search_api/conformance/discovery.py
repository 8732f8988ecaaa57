"""Sections 10 and 11: discovery, docker search and the OCI proposal."""

from search_api.conformance.server import API, Server, read_key, read_value, require

_DISCOVER = "/v2/_oci/ext/discover"


def the_extension_is_listed(server: Server) -> None:
    """Check that the discovery of extensions lists the search."""
    found = server.get(_DISCOVER)
    extensions = read_value(found, "extensions", list)
    endpoints = set()
    for one in extensions:
        read_key(one, "name", str, where=found.address)
        endpoints.update(read_key(one, "endpoints", list, where=found.address))
    require(f"{API}/search" in endpoints, f"{_DISCOVER}: {API}/search is not among {endpoints}")


def the_openapi_document_tells_of_it(server: Server) -> None:
    """Check that the OpenAPI document is one of version 3.1 and knows the addresses."""
    found = server.get(f"{API}/openapi.json")
    version = read_value(found, "openapi", str)
    require(version.startswith("3.1"), f"{found.address}: version {version}")
    servers = found.body.get("servers") or [{"url": ""}]
    bases = [str(one.get("url", "")).rstrip("/") for one in servers if isinstance(one, dict)]
    paths = {f"{base}{path}" for base in bases for path in read_value(found, "paths", dict)}
    for name in ("search", "suggest", "registries", "changes", "status"):
        is_there = any(path.endswith(f"{API}/{name}") for path in paths)
        require(is_there, f"{found.address}: no path {API}/{name}")


def docker_search_agrees(server: Server) -> None:
    """Check that ``docker search`` finds what the API does."""
    name = server.results(type="repository")[0]["repository"]
    found = server.get("/v1/search", q=name)
    names = [one.get("name") for one in read_value(found, "results", list)]
    # Over several registries, a name begins with the host of its registry.
    is_there = any(f"/{one}".endswith(f"/{name}") for one in names)
    require(is_there, f"{found.address}: {name} is not among {names[:5]}")
    ours, theirs = server.total(name), read_value(found, "num_results", int)
    require(ours == theirs, f"{found.address}: num_results {theirs}, total {ours}")


def the_proposal_is_answered(server: Server) -> None:
    """Check that the open proposal's address is a search of this API."""
    image = server.results(type="image")[0]
    found = server.get("/v2/_oci/ext/search", digest=image["digest"])
    digests = {one.get("digest") for one in read_value(found, "images", list)}
    require(digests == {image["digest"]}, f"{found.address}: found {digests}")


CHECKS = (
    ("discovery lists the search", "10", the_extension_is_listed),
    ("the OpenAPI document tells of it", "10", the_openapi_document_tells_of_it),
    ("docker search agrees", "11", docker_search_agrees),
    ("the OCI proposal is answered", "11", the_proposal_is_answered),
)
