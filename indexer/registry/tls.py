"""TLS to a registry: whom we trust, and the certificate that we show."""

import ssl

import httpx2

from indexer.errors import SettingsError
from indexer.settings import RegistrySettings


def tls_context(registry: RegistrySettings) -> ssl.SSLContext:
    """Return what connections trust and show, as the settings of a registry say it.

    ``ca_file`` is trusted beside what the system or ``SSL_CERT_FILE`` trusts, as docker and podman
    do it. :class:`SettingsError` names the setting and the file that cannot be used.
    """
    if registry.insecure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = httpx2.create_ssl_context()
    if registry.ca_file is not None:
        try:
            context.load_verify_locations(cafile=registry.ca_file)
        except OSError as error:
            raise SettingsError(
                f"ca_file of registry {registry.name!r}: {str(registry.ca_file)!r}:"
                f" {_reason(error, 'certificate')}"
            ) from error
    if registry.client_cert is not None:
        try:
            # Without a password, Python would ask for one at the terminal.
            context.load_cert_chain(registry.client_cert, registry.client_key, password="")
        except OSError as error:
            files = " and ".join(
                repr(str(path)) for path in (registry.client_cert, registry.client_key) if path
            )
            raise SettingsError(
                f"client_cert and client_key of registry {registry.name!r}: {files}:"
                f" {_reason(error, 'certificate with its key, which has no password')}"
            ) from error
    return context


def is_verified(tls: ssl.SSLContext | None) -> bool:
    """Tell whether TLS proves which server answers; with None it is the default of the system."""
    return tls is None or tls.verify_mode != ssl.CERT_NONE


def _reason(error: OSError, wanted: str) -> str:
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    return f"this is no {wanted}, in PEM form ({error.reason or error.strerror})"
