"""Section 5: the resources of results."""

from typing import Any

from search_api.conformance.server import (
    API,
    DIGEST,
    TIME,
    ApiResponse,
    NothingToCheckError,
    Server,
    quote_path,
    read_key,
    read_value,
    require,
)

_NO_DIGEST = f"sha256:{'0' * 64}"


def links_lead_to_their_results(server: Server) -> None:
    """Check that ``links.self`` of a result is answered, and is about it."""
    for kind, keys in (("repository", ("repository",)), ("image", ("repository", "digest"))):
        for result in server.results(type=kind)[:3]:
            found = server.get(result["links"]["self"])
            for key in ("registry", *keys):
                value = read_value(found, key, str)
                require(value == result[key], f"{found.address}: {key} is {value!r}")


def images_say_what_they_are(server: Server) -> None:
    """Check the details of an image."""
    found = _find_image(server)
    for key in ("platforms", "layers", "labels", "annotations", "attachments", "places"):
        read_value(found, key, list)
    read_value(found, "config", dict)
    size = read_value(found, "size_bytes", (int, type(None)))
    require(size is None or size >= 0, f"{found.address}: size_bytes is {size}")
    for layer in found.body["layers"]:
        digest = layer.get("digest")
        require(digest is None or DIGEST.fullmatch(digest), f"{found.address}: layer {digest!r}")
    for label in found.body["labels"]:
        read_key(label, "key", str, where=f"{found.address}, a label")
        read_key(label, "value", str, where=f"{found.address}, a label")


def _find_image(server: Server) -> ApiResponse:
    digest = server.results(type="image")[0]["digest"]
    return server.get(f"{API}/images/{digest}")


def platforms_are_chosen(server: Server) -> None:
    """Check that an index tells the config and the layers of the platform that is asked for."""
    for result in server.results(type="image"):
        path = f"{API}/images/{result['digest']}"
        platforms = [one for one in server.get(path).body["platforms"] if one["platform"]]
        if len(platforms) > 1:
            break
    else:
        raise NothingToCheckError("no image of several platforms")
    for one in platforms[:2]:
        told = server.get(f"{path}?platform={quote_path(one['platform'])}").body
        require(
            told["shown_digest"] == one["digest"],
            f"{path}: platform {one['platform']} is shown as {told['shown_digest']}",
        )
    server.read_refusal(f"{path}?platform=no/such", {}, status=404)


def layers_lead_to_their_images(server: Server) -> None:
    """Check that a layer of an image names the image."""
    image = _find_image(server)
    digest = next((one["digest"] for one in image.body["layers"] if one.get("digest")), None)
    if digest is None:
        raise NothingToCheckError("the image has no layers")
    found = server.get(f"{API}/layers/{digest}")
    require(found.body.get("digest") == digest, f"{found.address}: another digest")
    images = read_value(found, "images", list)
    total = read_value(found, "total", int)
    require(total >= len(images), f"{found.address}: total is {total} of {len(images)} images")
    read_value(found, "total_is_exact", bool)
    for one in images:
        position, count = one.get("position"), one.get("layer_count")
        is_place = position is None or 1 <= position <= count
        require(is_place, f"{found.address}: position {position} of {count} layers")


def repositories_say_what_their_results_do(server: Server) -> None:
    """Check that a repository has what its result has, and its newest image."""
    for result in server.results()[:3]:
        found = server.get(result["links"]["self"])
        for key in ("title", "description", "kind", "platforms", "size_bytes", "reference"):
            told = found.body.get(key)
            require(told == result[key], f"{found.address}: {key} is {told!r}, not {result[key]!r}")
        newest = read_value(found, "newest_image", dict)
        digest = read_key(newest, "digest", str, where=f"{found.address}, newest_image")
        require(DIGEST.fullmatch(digest), f"{found.address}: newest_image has digest {digest!r}")
        count = read_value(found, "untagged_count", int)
        require(count >= 0, f"{found.address}: untagged_count is {count}")


def images_are_compared(server: Server) -> None:
    """Check the layers and the differences of two images, and of one with itself."""
    images = server.results(type="image")
    first, other = images[0], images[-1]
    found = _compare(server, first, other)
    for one in (*found.body["layers"]["a"], *found.body["layers"]["b"]):
        shared = read_key(one, "shared", bool, where=f"{found.address}, a layer")
        digests = [{layer["digest"] for layer in found.body["layers"][side]} for side in "ab"]
        is_in_both = all(one["digest"] in some for some in digests)
        require(shared or not is_in_both, f"{found.address}: {one['digest']} is in both")
    same = _compare(server, first, first)
    require(same.body.get("same") is True, f"{same.address}: it is not the same")
    for group in ("image", "config", "env", "labels", "annotations"):
        told = read_value(same, group, list)
        require(told == [], f"{same.address}: an image differs from itself in {told[:1]}")


def _compare(server: Server, one: dict[str, Any], other: dict[str, Any]) -> ApiResponse:
    found = server.get(f"{API}/compare", a=one["digest"], b=other["digest"])
    for side, image in (("a", one), ("b", other)):
        digest = read_value(found, side, dict).get("digest")
        require(digest == image["digest"], f"{found.address}: {side} has digest {digest!r}")
        read_key(read_value(found, "layers", dict), side, list, where=found.address)
    for group in ("image", "config", "env", "labels", "annotations"):
        for difference in read_value(found, group, list):
            is_one = difference.get("a") != difference.get("b")
            require(is_one, f"{found.address}: {difference} is no difference")
    return found


def references_are_shown(server: Server) -> None:
    """Check that a reference leads to the image and its tag, or to the repository and its tags."""
    image = next((one for one in server.results(type="image") if one["tags"]), None)
    if image is None:
        raise NothingToCheckError("no image has a tag")
    place = f"{image['registry']}/{image['repository']}"
    found = server.get(f"{API}/show", reference=f"{place}:{image['tags'][0]}")
    for key in ("image", "tag"):
        digest = read_value(found, key, dict).get("digest")
        require(digest == image["digest"], f"{found.address}: {key} has digest {digest!r}")
    whole = server.get(f"{API}/show", reference=place)
    name = read_value(whole, "repository", dict).get("repository")
    require(name == image["repository"], f"{whole.address}: repository {name!r}")
    read_value(whole, "tags", list)


def registries_list_repositories(server: Server) -> None:
    """Check that each registry lists repositories by name, page by page."""
    for registry in read_value(server.get(f"{API}/registries"), "registries", list):
        name = read_key(registry, "registry", str, where="a registry")
        path = f"{API}/repositories/{quote_path(name)}"
        first = server.get(path, limit="1")
        listed = read_value(first, "repositories", list)
        cursor = first.body.get("next")
        if listed and cursor:
            second = server.get(path, limit="1", cursor=cursor).body["repositories"]
            names = [one["repository"] for one in (*listed, *second)]
            require(names == sorted(set(names)), f"{path}: pages are not in order: {names}")


def tags_lead_to_digests(server: Server) -> None:
    """Check that the tags of a repository and each tag's history agree."""
    image = next((one for one in server.results(type="image") if one["tags"]), None)
    if image is None:
        raise NothingToCheckError("no image has a tag")
    path = f"{API}/tags/{quote_path(image['registry'])}/{quote_path(image['repository'])}"
    every = server.get(path, limit="1000")
    tags = {one["tag"]: one for one in read_value(every, "tags", list)}
    tag = image["tags"][0]
    if len(tags) < 1_000:
        require(tag in tags, f"{path}: no tag {tag}")
        for key in ("total", "tag_count"):
            count = read_value(every, key, int)
            require(count == len(tags), f"{every.address}: {key} is {count}, not {len(tags)}")
    found = server.get(f"{path}:{quote_path(tag)}")
    digest = read_value(found, "digest", str)
    require(digest == image["digest"], f"{found.address}: digest {digest}")
    _check_history(found)


def tags_are_chosen_and_sorted(server: Server) -> None:
    """Check that each order of tags has all of them, and that a pattern chooses some."""
    image = max(server.results(type="image"), key=lambda one: len(one["tags"]))
    if not image["tags"]:
        raise NothingToCheckError("no image has a tag")
    path = f"{API}/tags/{quote_path(image['registry'])}/{quote_path(image['repository'])}"
    tag = image["tags"][0]
    for sort in ("name", "newest", "version", "size"):
        found = server.get(path, sort=sort, match=tag, expand="image", limit="1000")
        names = [one["tag"] for one in read_value(found, "tags", list)]
        require(names == [tag], f"{found.address}: the tags are {names[:5]}")
        total = read_value(found, "total", int)
        require(total == 1, f"{found.address}: total is {total}")
        for key in ("kind", "platforms", "size_bytes"):
            told = (found.body["tags"][0].get("image") or {}).get(key)
            require(told == image[key], f"{found.address}: {key} is {told!r}, not {image[key]!r}")
    every = server.get(path, sort="version", limit="1000")
    names = [one["tag"] for one in read_value(every, "tags", list)]
    if "latest" in names:
        require(names[0] == "latest", f"{every.address}: the first is {names[0]!r}")
    beginning = f"{tag[:1]}*"
    found = server.get(path, match=beginning, limit="1000")
    for one in read_value(found, "tags", list):
        require(one["tag"].startswith(tag[:1]), f"{found.address}: {one['tag']!r} does not match")


def _check_history(found: ApiResponse) -> None:
    times = []
    for move in read_value(found, "history", list):
        at = read_key(move, "tagged_at", str, where=found.address)
        require(TIME.fullmatch(at), f"{found.address}: no time in UTC: {at!r}")
        times.append(at)
    require(times == sorted(times, reverse=True), f"{found.address}: not newest first: {times}")


def what_is_not_there_is_not_found(server: Server) -> None:
    """Check the answers for resources that do not exist."""
    registry = server.results()[0]["registry"]
    for path in (
        f"{API}/images/{_NO_DIGEST}",
        f"{API}/layers/{_NO_DIGEST}",
        f"{API}/compare?a={_NO_DIGEST}&b={_NO_DIGEST}",
        f"{API}/show?reference={_NO_DIGEST}",
        f"{API}/repositories/no-such-registry",
        f"{API}/repositories/{quote_path(registry)}/no/such/repository",
        f"{API}/tags/{quote_path(registry)}/no/such/repository:latest",
    ):
        error = server.read_refusal(path, {}, status=404)
        require(error["code"] == "NOT_FOUND", f"{path}: {error['code']}")


def answers_are_revalidated(server: Server) -> None:
    """Check that an ``ETag`` is answered with 304 while nothing changes."""
    digest = server.results(type="image")[0]["digest"]
    path = f"{API}/images/{digest}"
    tag = server.request(path).headers.get("etag")
    if tag is None:
        raise NothingToCheckError("no ETag, which is allowed")
    response = server.request(path, headers={"If-None-Match": tag})
    require(response.status_code == 304, f"{path} with its ETag: status {response.status_code}")
    other = server.request(path, headers={"If-None-Match": '"another"'})
    require(other.status_code == 200, f"{path} with another ETag: status {other.status_code}")


def the_status_is_told(server: Server) -> None:
    """Check that the state names the version of the service and its start."""
    found = server.get(f"{API}/status")
    service: dict[str, Any] = read_value(found, "service", dict)
    read_key(service, "version", str, where=f"{found.address}, service")
    at = read_key(service, "started_at", str, where=f"{found.address}, service")
    require(TIME.fullmatch(at), f"{found.address}: no time in UTC: {at!r}")


CHECKS = (
    ("links lead to their results", "5", links_lead_to_their_results),
    ("images say what they are", "5", images_say_what_they_are),
    ("images are compared", "5", images_are_compared),
    ("platforms are chosen", "5", platforms_are_chosen),
    ("layers lead to their images", "5", layers_lead_to_their_images),
    ("repositories say what their results do", "5", repositories_say_what_their_results_do),
    ("references are shown", "5", references_are_shown),
    ("registries list repositories", "5", registries_list_repositories),
    ("tags lead to digests", "5", tags_lead_to_digests),
    ("tags are chosen and sorted", "5", tags_are_chosen_and_sorted),
    ("what is not there is not found", "8", what_is_not_there_is_not_found),
    ("answers are revalidated", "2", answers_are_revalidated),
    ("the status is told", "5", the_status_is_told),
)
