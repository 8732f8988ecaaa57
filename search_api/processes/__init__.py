"""Processes: their start, supervision, logs and data directory."""

from search_api.processes.address import (
    WEB_PID_FILE,
    check_address,
    host_and_port,
    is_every_address,
    listen,
    own_address,
)
from search_api.processes.data_dir import (
    INDEX_DIRECTORY,
    NO_REGISTRY,
    make_engines,
    make_joint_engine,
    prepare_settings,
    supervisor_lock,
)
from search_api.processes.indexer import serve_indexer
from search_api.processes.logs import REQUEST_ID, access_log, configure_logging
from search_api.processes.restarts import RestartCounts, read_restarts
from search_api.processes.service_file import (
    RunningService,
    read_service_file,
    remove_service_file,
    write_service_file,
)
from search_api.processes.supervisor import USAGE_ERROR, end_with_parent, own_command, supervise
from search_api.processes.traces import are_traces_wanted, send_traces

__all__ = [
    "INDEX_DIRECTORY",
    "NO_REGISTRY",
    "REQUEST_ID",
    "USAGE_ERROR",
    "WEB_PID_FILE",
    "RestartCounts",
    "RunningService",
    "access_log",
    "are_traces_wanted",
    "check_address",
    "configure_logging",
    "end_with_parent",
    "host_and_port",
    "is_every_address",
    "listen",
    "make_engines",
    "make_joint_engine",
    "own_address",
    "own_command",
    "prepare_settings",
    "read_restarts",
    "read_service_file",
    "remove_service_file",
    "send_traces",
    "serve_indexer",
    "supervise",
    "supervisor_lock",
    "write_service_file",
]
