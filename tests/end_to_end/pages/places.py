"""The pages that are looked at in a browser, each once; a new page is one more line."""

import pytest

from tests.builders import BuiltManifest, image
from tests.demo_content import after

_TITLE = "org.opencontainers.image.title"
_DESCRIPTION = "org.opencontainers.image.description"
_VENDOR = "org.opencontainers.image.vendor"
SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
CONTROLS = "\x1b[31mred\x1b[0m\x07\x00\x9b31m\r\n\tend"
BIDI = "\u202egnitirw\u202c \u2066isolated\u2069 \u05e9\u05dc\u05d5\u05dd"


def _newest_web() -> BuiltManifest:
    return next(one.built for one in after() if one.repository == "team/web")


PAGES = {
    "start": "/",
    "search": "/search?q=web",
    "everything": "/search",
    "images": "/search?type=image&q=team",
    "corrected": "/search?q=gatewey",
    "nothing": "/search?q=nothing+has+these+words+xyzzy",
    "filtered": '/search?q=kind:image+platform:"linux/amd64"',
    "mistake": "/search?q=%22web",
    "hostile": "/search?q=hostile&type=image",
    "repository": "/r/default/team/web",
    "tags": "/r/default/team/gateway?tags=2*&sort=version",
    "tags-none": "/r/default/team/web?tags=none*",
    "chart": "/r/default/charts/web",
    "windows": "/r/default/windows/invoice_service",
    "hostile-repository": "/r/default/hostile/image",
    "other-repository": "/r/default/web",
    "image": "/r/default/team/web:1.1",
    "index": "/r/default/team/gateway:2.3.0",
    "platform": "/r/default/team/gateway:2.3.0?platform=linux/arm64",
    "matrix": "/r/default/base/alpine:3.22",
    "artifact": "/r/default/ml/sentiment.small:1.0.0",
    "hostile-image": "/r/default/hostile/image:script",
    "long-image": "/r/default/hostile/image:long",
    "missing-image": "/r/default/team/web:no-such-tag",
    "digest": f"/i/{_newest_web().digest}",
    "layer": f"/l/{_newest_web().blobs[1].digest}",
    "missing-layer": "/l/sha256:" + "0" * 64,
    "compare": "/compare?a=team/web:1.0&b=team/web:1.1",
    "compare-nothing": "/compare",
    "compare-missing": "/compare?a=team/web:1.0&b=team/nothing",
    "compare-hostile": "/compare?a=hostile/image:script&b=hostile/image:bidi",
    "changes": "/changes",
    "changes-of-one": "/changes?registry=default&repository=team/web",
    "status": "/status",
    "help": "/help",
    "missing": "/no/such/page",
}

MAIN = {"start", "search", "repository", "image"}
EACH = [name if name in MAIN else pytest.param(name, marks=pytest.mark.thorough) for name in PAGES]
"""All pages, of which a short run opens the main ones."""


def hostile_images() -> dict[str, BuiltManifest]:
    """Return images, by tag, whose labels try to be more than text."""
    long = "https://example.com/" + "x" * 10_000
    return {
        "script": image(
            seed="script",
            labels={
                _TITLE: f"hostile {SCRIPT}",
                _DESCRIPTION: f"{SCRIPT}{{{{ 7 * 7 }}}}</bdi></article></main>",
                _VENDOR: "\" autofocus onfocus=\"document.title='taken'",
                '"><script>document.title="taken"</script>': SCRIPT,
                "org.opencontainers.image.url": "javascript:document.title='taken'",
                "org.opencontainers.image.source": "data:text/html,<script>1</script>",
            },
            env=[f"SHELL={SCRIPT}"],
            entrypoint=["/bin/sh", "-c", SCRIPT],
            cmd=[SCRIPT],
            user=SCRIPT,
        ),
        "bidi": image(
            seed="bidi", labels={_TITLE: f"hostile {BIDI}", _DESCRIPTION: f"{BIDI}{CONTROLS}"}
        ),
        "long": image(
            seed="long",
            labels={_TITLE: f"hostile {'n' * 10_000}", _DESCRIPTION: long, "k" * 5_000: long},
        ),
        "large": image(
            seed="large", labels={_TITLE: "hostile and large", "large": "large " * 175_000}
        ),
    }
