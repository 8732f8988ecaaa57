"""What the filled data directory holds: two registries and every kind of text."""

from tests.builders import image, index
from tests.search_api.filling import Pushed

DESCRIPTION = "org.opencontainers.image.description"
ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x9b2J"
BIDI = "\u202egnp.exe\u2066\u200f"
HOSTILE = (
    f"first\nsecond\r\n<script>alert(1)</script>\t[bold]x[/bold] {ESCAPES} {BIDI} \U0001f433 "
    "nul\x00here last\u2028word " + "long " * 2_000
)

WEB = index(
    [
        image(architecture="amd64", labels={"team": "payments"}, seed="web"),
        image(architecture="arm64", labels={"team": "payments"}, seed="web"),
        image(architecture="arm", variant="v7", seed="web"),
    ],
    annotations={DESCRIPTION: "The shop's front"},
)
NGINX = image(annotations={DESCRIPTION: "Front proxy"}, seed="nginx")
OLD_NGINX = image(annotations={DESCRIPTION: "Front proxy, old"}, seed="old nginx")

MAIN_CONTENT = (
    Pushed("nginx", NGINX, "latest"),
    Pushed("nginx", OLD_NGINX, "1.25"),
    Pushed("team/nginx", image(annotations={DESCRIPTION: "Ours"}, seed="tn"), "1.25"),
    Pushed("team/nginx-ingress", image(annotations={DESCRIPTION: "Ingress"}, seed="ti")),
    Pushed("team/web", WEB, "1.4"),
    Pushed("team/web", WEB, "latest"),
    Pushed("a/b/c", image(annotations={DESCRIPTION: "Deep"}, seed="abc")),
    Pushed("bistro", image(annotations={DESCRIPTION: "Un café crème"}, seed="cafe")),
    Pushed("evil", image(labels={"x": HOSTILE}, annotations={DESCRIPTION: HOSTILE}, seed="e")),
    Pushed("with_underscore", image(seed="u")),
)
SECOND_CONTENT = (
    Pushed("team/nginx", image(annotations={DESCRIPTION: "Theirs"}, seed="s"), "2", "second"),
    Pushed("only/second", image(seed="o"), "latest", "second"),
)
CONTENT = (*MAIN_CONTENT, *SECOND_CONTENT)
MAIN_NAMES = sorted({each.repository for each in MAIN_CONTENT})
NAMES = sorted({each.repository for each in CONTENT})
