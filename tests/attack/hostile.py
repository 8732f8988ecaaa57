"""A registry that answers every request in another hostile way, in turn."""

import gzip
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

from tests.attack.stub_registry import Answer, Asked, Reply, StubRegistry, as_json
from tests.builders import image

REPOSITORIES = 20
TAGS = 10
LONG_BODY = 8 * 1024 * 1024
SLOW_PARTS = 30
_JSON = {"Content-Type": "application/json"}
_MANIFEST = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
_HOSTILE_TEXT = '"><script>alert(1)</script> \u202e \u0000 {{7*7}} $(id) ' * 20


@contextmanager
def hostile_registry() -> Iterator[StubRegistry]:
    """Run a registry that lists honestly at first, and then answers anything."""
    with StubRegistry() as stub:
        names = [f"evil/r{number}" for number in range(REPOSITORIES)]
        stub.answer("/v2/_catalog", _in_turn(as_json({"repositories": names}), *_LISTS))
        for name in names:
            tags = as_json({"name": name, "tags": [f"t{number}" for number in range(TAGS)]})
            stub.answer(f"/v2/{name}/tags/list", _in_turn(tags, *_LISTS))
        stub.answer_others(_in_turn(*_WAYS))
        yield stub


def _in_turn(*answers: Answer) -> Answer:
    turns = itertools.cycle(answers)

    def answer(asked: Asked) -> Reply:
        turn = next(turns)
        return turn(asked) if callable(turn) else turn

    return answer


def _slowly() -> Iterator[bytes]:
    for _ in range(SLOW_PARTS):
        sleep(0.2)
        yield b" "


def _nested(opening: bytes) -> bytes:
    return b'{"schemaVersion":2,"layers":' + opening * (LONG_BODY // len(opening) // 4)


def _hostile_image(asked: Asked) -> Reply:
    built = image(seed=asked.path, labels={"org.opencontainers.image.title": _HOSTILE_TEXT})
    digest = {"Docker-Content-Digest": built.digest}
    return Reply(body=built.body, headers={"Content-Type": built.media_type, **digest})


def _redirect(to: str) -> Reply:
    return Reply(307, headers={"Location": to})


# Bodies that are made once: the attacker's work must not slow down the tests.
_BOMB = gzip.compress(b" " * LONG_BODY * 8, 9)
_EMPTY_LISTS = b"[" + b"[]," * (LONG_BODY // 3) + b"[]]"
_LISTS = [
    Reply(body=b'{"tags":%b,"repositories":%b}' % (_EMPTY_LISTS, _EMPTY_LISTS), headers=_JSON),
    Reply(body=b'{"tags":' + b"[" * 200_000, headers=_JSON),
    Reply(429, headers={"Retry-After": "1000000000"}),
    Reply(body=_BOMB, headers={**_JSON, "Content-Encoding": "gzip"}),
    as_json({"repositories": ["../../etc/passwd", "UPPER", "", "a" * 10_000, None, 7, {}]}),
    Reply(body=b"<html>sign in</html>", headers={"Content-Type": "text/html"}),
    as_json({"repositories": ["evil/loop"]}, Link='</v2/_catalog?last=x>; rel="next"'),
]
_WAYS: list[Answer] = [
    _hostile_image,
    Reply(429, headers={"Retry-After": "1000000000"}),
    Reply(500, b"internal" * 1_000),
    Reply(body=b"<html>sign in</html>", headers={"Content-Type": "text/html"}),
    Reply(body=_nested(b"[[],"), headers=_MANIFEST),
    Reply(body=_nested(b'{"a":'), headers=_MANIFEST),
    Reply(body=json.dumps({"schemaVersion": 2, "layers": "x" * 3_000_000}).encode()),
    _redirect("http://169.254.169.254/latest/meta-data/"),
    _redirect("http://[::1]:1/"),
    _redirect("/v2/"),
    lambda _: Reply(body=_slowly(), headers=_MANIFEST),
    Reply(body=_BOMB, headers={**_MANIFEST, "Content-Encoding": "gzip"}),
    Reply(
        401, headers={"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/token",service="evil"'}
    ),
    Reply(404),
    Reply(200, b"", {**_MANIFEST, "Docker-Content-Digest": "sha256:" + "0" * 64}),
]
