"""Registries that ask who comes, as real servers, with or without a token service."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.fakes.token_service import Gate, TokenService, bearer, user_of


def gate_with_tokens(stack: ExitStack, registry: FakeRegistry, tokens: TokenService) -> Gate:
    """Start a token service; return a gate whose challenge names it."""
    realm = stack.enter_context(serving(tokens.app)) + "/token"
    return Gate(registry.app, challenge=bearer(realm), knows=tokens.knows, allows=tokens.allows)


def gate_with_basic(
    registry: FakeRegistry,
    passwords: Mapping[str, str],
    rights: Mapping[str, Iterable[str]],
    *,
    status: int = 403,
    open_door: bool = False,
) -> Gate:
    """Return a gate that asks for a password, and lets each user pull what ``rights`` say.

    Everybody may pull what is for "", whoever they are.
    """

    def allows(sent: str, repository: str) -> bool:
        user = user_of(sent, passwords)
        if user is None:
            return False
        return repository in rights.get(user, ()) or repository in rights.get("", ())

    return Gate(
        registry.app,
        challenge='Basic realm="test"',
        knows=lambda sent: bool(user_of(sent, passwords)),
        allows=allows,
        status=status,
        open_door=open_door,
    )
