"""The page about the query language, with examples to try, and about the keyboard."""

from starlette.requests import Request
from starlette.responses import Response

from search_api.pages.site import PageView, Site

EXAMPLES = (
    (
        "Words",
        (
            ("nginx ingress", "both words, anywhere in names, labels, descriptions, commands"),
            ('"reverse proxy"', "the words in this order, next to each other"),
            ("ngin*", "words that begin so; * and ? stand anywhere in a word"),
            ("postgers~", "words with a similar spelling"),
            ("redis OR valkey", "either of them"),
            ("web -kind:helm-chart", "not those with what is after the minus sign"),
        ),
    ),
    (
        "References",
        (
            ("team/web", "the repositories of this name"),
            ("web:1.4", "the tag of a repository"),
            ("docker pull registry.example/team/web:1.4", "a command, as it was copied"),
            ("sha256:9f86d081", "the beginning of any digest: an index, a manifest, a config"),
        ),
    ),
    (
        "Fields",
        (
            ("tag:1.*", "tags; a value may be a pattern"),
            ("label:team=payments", "a label with this value; label:team any value"),
            ("arch:arm64 os:linux", "platforms"),
            ("kind:helm-chart", "what it is; kind:artifact all that is no image"),
            ("license:Apache-2.0", "licences as the image declares them"),
            ("vendor:debian", "who made it"),
            ("base:debian:13", "what is built on an image"),
            ("baseof:team/web:1.4", "what an image is built on"),
            (f"layer:sha256:{'9f86d081' * 8}", "images that hold a layer"),
            ("env:JAVA_VERSION port:8080 user:root", "what the config says"),
            ("is:signed has:sbom", "what is attached to an image"),
            ("is:untagged", "images that lost their tags"),
        ),
    ),
    (
        "Ranges",
        (
            ("size:>500MB", "larger than; also size:10MB..20MB"),
            ("created:2026-01..", "built since January; created:<90d in the last 90 days"),
            ("pushed:today", "pushed today"),
            ("layers:>40", "images of many layers"),
        ),
    ),
)
OF_IMAGES = "is:untagged"
"""The example that finds images only."""
KEYS = (
    ("/", "go to the search box"),
    ("↓ ↑", "choose a suggestion; outside of the box, go from result to result"),
    ("j k", "go to the next or the previous result"),
    ("Enter", "open the chosen result or suggestion"),
    ("Escape", "close the suggestions; once more, empty the box"),
    ("c", "copy the reference of the chosen result"),
    ("?", "this page"),
)


async def answer(site: Site, request: Request) -> Response:
    """Return the page."""
    page = PageView(
        "help.html",
        title="How to search",
        values={"examples": EXAMPLES, "keys": KEYS, "of_images": OF_IMAGES},
        canonical=site.to.page("help"),
        twin=site.to.api("openapi.json"),
    )
    return await site.respond(request, page)
