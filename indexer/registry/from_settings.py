"""What the settings of a registry describe: its client, and as whom it is read."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from indexer.clock import Clock
from indexer.errors import SettingsError
from indexer.registry.auth import Credentials
from indexer.registry.client import RegistryClient
from indexer.registry.http import RETRY_DELAYS_SECONDS
from indexer.registry.realms import TokenRealm
from indexer.registry.stored_credentials import (
    CredentialFile,
    credential_files,
    find_credentials,
)
from indexer.registry.tls import tls_context
from indexer.settings import STORED_ANYWHERE, RegistrySettings

_Read = TypeVar("_Read")


def registry_client(
    registry: RegistrySettings,
    *,
    clock: Clock,
    realm: TokenRealm | None = None,
    retry_delays: Sequence[float] = RETRY_DELAYS_SECONDS,
) -> RegistryClient:
    """Return the client that the settings of a registry describe; close it at the end.

    ``realm`` is its token service as far as it is known, ``retry_delays`` are the pauses in seconds
    before further tries. :class:`SettingsError` names a setting
    whose file cannot be used.
    """
    return RegistryClient(
        registry.url,
        clock=clock,
        read_credentials=credentials_reader(registry),
        max_in_flight=registry.max_in_flight,
        blob_hosts=registry.blob_hosts,
        realm=realm or TokenRealm(named=registry.token_realm),
        tls=tls_context(registry),
        repositories=registry.repositories,
        retry_delays=retry_delays,
    )


def credentials_reader(registry: RegistrySettings) -> Callable[[], Credentials | None]:
    """Return what reads the credentials of a registry each time that it is called.

    :class:`SettingsError` if there should be some, and now or later cannot be read. What a helper
    program keeps is only read later, because that takes a while.
    """
    if registry.username:
        registry.secret()
        return lambda: Credentials(registry.username, registry.secret())
    if registry.docker_config is None:
        return lambda: None
    file = None if registry.docker_config == STORED_ANYWHERE else registry.docker_config
    name, host = registry.name, registry.registry_host
    if file is not None:
        _named(name, lambda: CredentialFile.read(file))

    def read() -> Credentials | None:
        found = _named(name, lambda: find_credentials(host, file=file))
        if found is None:
            files = ", ".join(map(str, credential_files() if file is None else [file]))
            raise SettingsError(
                f"docker_config of registry {name!r}: nothing is kept for {host} in {files}:"
                f" run docker login {host}"
            )
        return found

    return read


def _named(name: str, read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except SettingsError as error:
        raise SettingsError(f"docker_config of registry {name!r}: {error}") from error
