"""The settings of an OpenSearch cluster: which values go together, and the password."""

from typing import Annotated, Any

from pydantic import AfterValidator

from indexer.errors import SettingsError
from indexer.settings.secret_files import read_secret_file
from indexer.settings.values import web_address


def _is_cluster(url: str) -> str:
    parts = web_address(url)
    if parts is None or "@" in parts.netloc:
        raise ValueError(
            "write URLs such as https://node1:9200; an account is opensearch_username and"
            " opensearch_password"
        )
    return parts.geturl()


ClusterUrl = Annotated[str, AfterValidator(_is_cluster)]
"""The address of a node of a cluster, or of a proxy before it."""


def refuse_partial_cluster(settings: Any) -> None:
    """Raise :class:`ValueError` if a setting of the cluster needs another one that is not set."""
    if settings.engine == "opensearch" and not settings.opensearch_url:
        raise ValueError(
            "engine is 'opensearch', but nothing says where the cluster is: set opensearch_url"
        )
    has_password = settings.opensearch_password or settings.opensearch_password_file
    if has_password and not settings.opensearch_username:
        raise ValueError("opensearch_password needs opensearch_username")


def read_password(settings: Any) -> str:
    """Return the password at the cluster; :class:`SettingsError` if its file is missing.

    The file of the certificates is looked at too, as it is needed next.
    """
    path = settings.opensearch_ca_file
    try:
        if path is not None:
            path.open("rb").close()
    except OSError as error:
        raise SettingsError(f"opensearch_ca_file: {str(path)!r}: {error.strerror}") from error
    if settings.opensearch_password_file is None:
        password: str = settings.opensearch_password
        return password
    return read_secret_file(settings.opensearch_password_file, setting="opensearch_password_file")
