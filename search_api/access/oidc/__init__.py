"""Signing in at an issuer (OpenID Connect), and its tokens.

Only the web process imports this: its libraries take a while to load.
"""

from search_api.access.oidc.issuer import Issuer
from search_api.access.oidc.sign_ins import Departure, Oidc

__all__ = ["Departure", "Issuer", "Oidc"]
