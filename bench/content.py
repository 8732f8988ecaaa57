"""What the measured registry holds, and the events that pushing it again causes."""

from functools import cache

from tests.builders import BuiltManifest, image
from tests.fakes.events import envelope, push_event

TAG = "1.0"
_BASES = 20
_GROUPS = 40


def repository_name(number: int) -> str:
    """Return the name of one of the repositories, which are numbered from 0."""
    return f"group{number % _GROUPS}/app-{number}"


@cache
def built(number: int) -> BuiltManifest:
    """Return the image under the one tag of a repository: a small one of its own."""
    labels = {
        "team": f"team{number % 25}",
        "number": str(number),
        "org.opencontainers.image.description": f"The service of group {number % _GROUPS}",
    }
    return image(seed=f"base {number % _BASES}", layers=2, labels=labels)


def notification(number: int, *, event_id: str) -> bytes:
    """Return the body of a notification with one event: a repository's image is pushed again."""
    name, digest = repository_name(number), built(number).digest
    return envelope([push_event(name, digest, tag=TAG, event_id=event_id, actor="bench")])
