"""The content of the measured registry, and the events of pushing it again."""

from functools import cache

from tests.builders import BuiltManifest, image
from tests.fakes.events import Cause, Target, envelope, event, push_event

TAG = "1.0"
_BASES = 20
_GROUPS = 40


def repository_name(number: int) -> str:
    """Return the name of a repository; their numbers start at 0."""
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


def notification(number: int, *, event_id: str, is_pull: bool = False) -> bytes:
    """Return the body of a notification with one event: an image is pushed again, or pulled."""
    name, digest = repository_name(number), built(number).digest
    if not is_pull:
        return envelope([push_event(name, digest, tag=TAG, event_id=event_id, actor="bench")])
    target = Target(name, built(number).media_type, digest, 500, TAG)
    return envelope([event("pull", target, Cause("GET"), event_id=event_id)])
