"""Who asks, and what they may see."""

from search_api.access.asks import RegistryAsks, make_asks
from search_api.access.audit import note_search
from search_api.access.caller import Basic, Caller
from search_api.access.callers import Callers
from search_api.access.guesses import SignInGuesses
from search_api.access.middleware import CALLER, Viewing
from search_api.access.names import KnownRepositories, Repositories
from search_api.access.origin import is_from_here
from search_api.access.passed import NODE_HEADER, CallerHeaders, PassedCallers
from search_api.access.peer import Peers, is_within, peer_of
from search_api.access.policy import Access, Asks, CallingViewer, Granted, describe_access
from search_api.access.renewal import Renewal
from search_api.access.sessions import Sessions
from search_api.access.sign_in import SignIn, can_sign_in
from search_api.access.token_uses import read_uses
from search_api.access.tokens import (
    TOKENS_FILE,
    ApiToken,
    add_token,
    list_tokens,
    make_owner_token,
    make_token,
    revoke_token,
    tokens_path,
)

__all__ = [
    "CALLER",
    "NODE_HEADER",
    "TOKENS_FILE",
    "Access",
    "ApiToken",
    "Asks",
    "Basic",
    "Caller",
    "CallerHeaders",
    "Callers",
    "CallingViewer",
    "Granted",
    "KnownRepositories",
    "PassedCallers",
    "Peers",
    "RegistryAsks",
    "Renewal",
    "Repositories",
    "Sessions",
    "SignIn",
    "SignInGuesses",
    "Viewing",
    "add_token",
    "can_sign_in",
    "describe_access",
    "is_from_here",
    "is_within",
    "list_tokens",
    "make_asks",
    "make_owner_token",
    "make_token",
    "note_search",
    "peer_of",
    "read_uses",
    "revoke_token",
    "tokens_path",
]
