"""The client of registries: listings, manifests, blobs, authentication, limits.

Nothing else in this project sends requests to registries.
"""

from indexer.registry.auth import Credentials
from indexer.registry.bounded import BoundedTransport
from indexer.registry.client import RegistryClient
from indexer.registry.failures import Failure, explain, explain_certificate, with_meaning
from indexer.registry.from_settings import credentials_reader, registry_client
from indexer.registry.grants import GrantClient, Scheme, TokenGrant, Way
from indexer.registry.http import USER_AGENT, is_own_user_agent
from indexer.registry.listings import CatalogPage
from indexer.registry.manifests import BLOB_MAX_BYTES
from indexer.registry.realms import TokenRealm
from indexer.registry.stored_credentials import (
    CredentialFile,
    credential_files,
    docker_file,
    find_credentials,
    run_helper,
)
from indexer.registry.support import Greeting
from indexer.registry.tls import tls_context
from indexer.registry.traffic import RegistryTraffic, TrafficMeasure

__all__ = [
    "BLOB_MAX_BYTES",
    "USER_AGENT",
    "BoundedTransport",
    "CatalogPage",
    "CredentialFile",
    "Credentials",
    "Failure",
    "GrantClient",
    "Greeting",
    "RegistryClient",
    "RegistryTraffic",
    "Scheme",
    "TokenGrant",
    "TokenRealm",
    "TrafficMeasure",
    "Way",
    "credential_files",
    "credentials_reader",
    "docker_file",
    "explain",
    "explain_certificate",
    "find_credentials",
    "is_own_user_agent",
    "registry_client",
    "run_helper",
    "tls_context",
    "with_meaning",
]
