"""Who asks, and what they may see."""

from search_api.access.caller import Basic, Caller
from search_api.access.callers import Callers
from search_api.access.guesses import SignInGuesses
from search_api.access.middleware import CALLER, Viewing
from search_api.access.names import KnownRepositories, Repositories
from search_api.access.peer import Peers, is_within, peer_of
from search_api.access.policy import Access, Asks, CallingViewer, Granted
from search_api.access.viewer import ALL_SIGHT, NO_SIGHT, OWNER, VIEWER, Owner, Sight, Viewer

__all__ = [
    "ALL_SIGHT",
    "CALLER",
    "NO_SIGHT",
    "OWNER",
    "VIEWER",
    "Access",
    "Asks",
    "Basic",
    "Caller",
    "Callers",
    "CallingViewer",
    "Granted",
    "KnownRepositories",
    "Owner",
    "Peers",
    "Repositories",
    "Sight",
    "SignInGuesses",
    "Viewer",
    "Viewing",
    "is_within",
    "peer_of",
]
