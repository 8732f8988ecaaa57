"""The images that the real clients push; the same bytes in every run."""

from tests.builders import BuiltManifest, image, index

DESCRIPTION = "org.opencontainers.image.description"
NUMBERED = 50

# What a label may hold to forge rows, colours and directions in somebody's terminal.
HOSTILE_DESCRIPTION = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07first\nforged/row  second\r\tthird "
    "\u202egnitirw\u202c \u2066isolated\u2069 \u05e9\u05dc\u05d5\u05dd \x9b31m \x00end"
)


def numbered_name(number: int) -> str:
    """Give the name of one of the ``NUMBERED`` small images that differ in one label."""
    return f"numbered-{number:02}"


def sample_images() -> dict[str, BuiltManifest]:
    """Give every image by its name in the layout."""
    numbered = {
        numbered_name(number): image(seed="numbered", layers=1, labels={"number": str(number)})
        for number in range(NUMBERED)
    }
    return {
        **numbered,
        "webapp-1": image(seed="webapp 1", labels={"team": "payments", "release": "1"}),
        "webapp-2": image(seed="webapp 2", labels={"team": "payments", "release": "2"}),
        "multi": index(
            [
                image(seed="multi", layers=1, architecture="amd64"),
                image(seed="multi", layers=1, architecture="arm64", variant="v8"),
            ]
        ),
        "hostile": image(seed="hostile", labels={DESCRIPTION: HOSTILE_DESCRIPTION}),
    }
