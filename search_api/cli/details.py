"""The output of ``regsearch show``: an image, a chart, a repository or a layer, whole."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from indexer.model import size_text, version_key
from search_api.cli.output import Output
from search_api.cli.times import age_text, moment_text

_IMAGES_SHOWN = 20
Json = dict[str, Any]
Pairs = Iterable[tuple[str, str]]


def print_shown(body: Json) -> None:
    """Print the image, layer or repository of a reference."""
    details = _Details()
    if image := body.get("image"):
        details.image(image, tag=body.get("tag"))
    elif layer := body.get("layer"):
        details.pairs(_layer_pairs(layer))
        details.images("images with it", layer["images"], has_more=layer["has_more"])
    else:
        details.repository(body["repository"], body["tags"])


class _Details:
    """Prints on one output, with times as they are now."""

    def __init__(self) -> None:
        self._output = Output()
        self._now = datetime.now(UTC)

    def image(self, image: Json, *, tag: Json | None) -> None:
        self.pairs(self._image_pairs(image, tag))
        self._platforms(image["platforms"])
        self.pairs(_config_pairs(image["config"]), title="runs")
        self._texts("labels", image["labels"])
        self._texts("annotations", image["annotations"])
        self._layers(image["layers"])
        attachments = [_attachment_text(one, self._output.digest) for one in image["attachments"]]
        self._list("attached", attachments)
        for bases in image["bases"]:
            of = f" ({bases['platform']})" if bases["platform"] else ""
            found = [one for base in bases["bases"] for one in base["images"]]
            has_more = any(base["has_more"] for base in bases["bases"])
            self.images(f"built on{of}", found, has_more=has_more)
        derived = image["derived"]
        has_more = not derived["count_is_exact"] or derived["count"] > len(derived["images"])
        self.images("built on it", derived["images"], has_more=has_more)
        others = [one for one in image["places"] if _place(one) != _place(image)]
        self.images("also", others, has_more=image["places_have_more"])
        if tag:
            moves = [
                f"{age_text(one['tagged_at'], now=self._now)}: {self._output.digest(one['digest'])}"
                + (f", by {one['actor']}" if one["actor"] else "")
                for one in tag["history"]
            ]
            self._list(f"where {tag['tag']} pointed", moves)

    def repository(self, repository: Json, tags: Sequence[Json]) -> None:
        self.pairs(self._repository_pairs(repository))
        if not tags:
            return
        self._title("tags")
        for one in tags:
            self._output.whole(one["tag"], indent=2, is_bold=True)
            image = one.get("image") or {}
            facts = [image["kind"]] if image and image["kind"] != "image" else []
            facts += [" ".join(image["platforms"])] if image.get("platforms") else []
            facts += [size_text(image["size_bytes"])] if image else []
            facts.append(f"set {age_text(one['tagged_at'], now=self._now)}")
            facts.append(self._output.digest(one["digest"]))
            self._output.cut(", ".join(facts), indent=4)
        if (more := repository["tag_count"] - len(tags)) > 0:
            self._output.text(f"and {more} more: --all shows them", indent=2)

    def pairs(self, pairs: Pairs, *, title: str = "") -> None:
        shown = [(name, value) for name, value in pairs if value]
        if title and shown:
            self._title(title)
        for name, value in shown:
            self._output.text(f"{name}: {value}", indent=2 if title else 0)

    def images(self, what: str, images: Sequence[Json], *, has_more: bool) -> None:
        if images:
            self._title(what)
        for image in images[:_IMAGES_SHOWN]:
            self._output.whole(image["reference"], indent=2)
        if has_more or len(images) > _IMAGES_SHOWN:
            self._output.text("… more", indent=2)

    def _title(self, title: str) -> None:
        self._output.row("")
        self._output.text(f"{title}:")

    def _list(self, title: str, lines: Sequence[str]) -> None:
        if lines:
            self._title(title)
        for line in lines:
            self._output.text(line, indent=2)

    def _platforms(self, platforms: Sequence[Json]) -> None:
        # A chart is for no platform.
        if not any(one.get("platform") for one in platforms):
            return
        self._title("platforms")
        for one in platforms:
            facts = [str(one.get("platform") or "unknown"), size_text(one.get("size_bytes"))]
            if count := one.get("layer_count"):
                facts.append(f"{count} layer{'' if count == 1 else 's'}")
            if digest := one.get("digest"):
                facts.append(self._output.digest(digest))
            self._output.text(", ".join(facts), indent=2)

    def _layers(self, layers: Sequence[Json]) -> None:
        if layers:
            self._title("layers")
        for one in layers:
            # Some steps of a build change no file, and make no layer.
            command = one["command"] or one["title"]
            if command:
                self._output.text(command, indent=2)
            if one["digest"]:
                facts = f"{self._output.digest(one['digest'])}, {size_text(one['size_bytes'])}"
                self._output.text(facts, indent=4 if command else 2)

    def _texts(self, title: str, texts: Sequence[Json]) -> None:
        if texts:
            self._title(title)
        for one in texts:
            origin = "base image" if one.get("inherited") else one["from"]
            self._output.text(f"{one['key']}: {one['value']} ({origin})", indent=2)

    def _image_pairs(self, image: Json, tag: Json | None) -> Iterator[tuple[str, str]]:
        # The tag that was asked for, not another one of the same image.
        yield "reference", tag["reference"] if tag else image["reference"]
        yield "kind", image["kind"]
        yield "digest", image["digest"]
        yield "title", image["title"]
        yield "description", image["description"]
        yield "version", image["version"] or ""
        yield from _described_pairs(image)
        for name, values in image["properties"].items():
            yield name.replace("_", " "), ", ".join(values)
        yield "contains", ", ".join(image["contents"])
        yield "tags", " ".join(sorted(image["tags"], key=version_key))
        if image.get("pull_through") == "perhaps_expired":
            yield "in the cache", "perhaps not any more: nobody pulled it lately"
        if image["untagged_since"]:
            yield "untagged since", moment_text(image["untagged_since"], now=self._now)
            yield "last tags", " ".join(image["last_tags"])
        yield "created", self._moment(image["created_at"])
        yield "pushed", self._moment(image["pushed_at"])
        yield "size", size_text(image["size_bytes"])
        yield "pulls", str(image["pulls"] or "")
        for warning in image["warnings"]:
            yield "warning", warning

    def _repository_pairs(self, repository: Json) -> Iterator[tuple[str, str]]:
        yield "repository", f"{repository['registry_host']}/{repository['repository']}"
        yield "pull", repository["reference"] or ""
        yield "kind", repository["kind"] or ""
        yield "title", repository["title"]
        yield "description", repository["description"]
        yield from _described_pairs(repository)
        yield "platforms", " ".join(repository["platforms"])
        yield "tags", str(repository["tag_count"])
        yield "untagged images", str(repository.get("untagged_count") or "")
        yield "all tags", size_text(repository["size_bytes"])
        yield "first seen", self._moment(repository["first_seen_at"])
        yield "pushed", self._moment(repository["pushed_at"])
        yield "pulls", str(repository["pulls"] or "")
        yield "pulled", self._moment(repository["last_pulled_at"])

    def _moment(self, moment: str | None) -> str:
        return moment_text(moment, now=self._now) if moment else ""


def _described_pairs(one: Json) -> Iterator[tuple[str, str]]:
    """Yield what an image or a repository says of itself; some keys only one of them has."""
    yield "deprecated", "yes" if one.get("deprecated") else ""
    for name in ("vendor", "authors", "licenses", "keywords", "category"):
        value = one.get(name) or ""
        yield name, ", ".join(value) if isinstance(value, list) else value
    for name in ("source", "revision", "url", "documentation"):
        yield name, one.get(name) or ""


def _place(image: Json) -> tuple[str, str, str]:
    return image["registry"], image["repository"], image["digest"]


def _attachment_text(one: Json, shorten: Any) -> str:
    format_text = f" ({one['format']})" if one.get("format") else ""
    return f"{one['kind']}{format_text}: {shorten(one['digest'])}"


def _layer_pairs(layer: Json) -> Iterator[tuple[str, str]]:
    yield "layer", layer["digest"]
    yield "diff id", layer["diff_id"] or ""
    yield "size", size_text(layer["size_bytes"])
    yield "type", layer["media_type"] or ""
    yield "command", layer["command"] or ""


def _config_pairs(config: Json) -> Iterator[tuple[str, str]]:
    yield "entrypoint", " ".join(config["entrypoint"])
    yield "cmd", " ".join(config["cmd"])
    yield "user", config["user"] or ""
    yield "working dir", config["working_dir"] or ""
    yield "ports", " ".join(config["exposed_ports"])
    yield "volumes", " ".join(config["volumes"])
    for one in config["env"]:
        yield "env", one["name"] if one["value"] is None else f"{one['name']}={one['value']}"
