"""Endpoints beside ``/api/v1``: docker search, the OCI extension, operation."""

from search_api.endpoints.counted import Served
from search_api.endpoints.docker_search import DockerSearch
from search_api.endpoints.lineage import NodeLineage
from search_api.endpoints.metrics import Metrics
from search_api.endpoints.oci_extension import OciExtension
from search_api.endpoints.operation import Health
from search_api.endpoints.proof import PROOF_HEADER, CheckProof
from search_api.endpoints.proxies import TrustedProxies

__all__ = [
    "PROOF_HEADER",
    "CheckProof",
    "DockerSearch",
    "Health",
    "Metrics",
    "NodeLineage",
    "OciExtension",
    "Served",
    "TrustedProxies",
]
