"""The address of the web process, and who else may have it."""

import os
import socket
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from indexer.errors import SettingsError
from search_api.processes.address import WEB_PID_FILE, check_address, listen
from search_api.processes.data_dir import supervisor_lock
from tests.search_api.filling import settings_for


@pytest.fixture
def taken() -> socket.socket:
    """Give a socket that has an address of its own."""
    return socket.create_server(("127.0.0.1", 0))


def address_of(taken: socket.socket) -> str:
    return f"127.0.0.1:{taken.getsockname()[1]}"


def test_an_address_that_is_free_is_left_free(tmp_path: Path, taken: socket.socket) -> None:
    settings = settings_for(tmp_path, listen=address_of(taken))
    taken.close()
    check_address(settings)
    listening = listen(settings, backlog=8)
    with listening, socket.create_connection(listening.getsockname()):
        pass


def test_an_address_of_a_stranger_is_refused_at_once(tmp_path: Path, taken: socket.socket) -> None:
    settings = settings_for(tmp_path, listen=address_of(taken))
    # It ended long ago: no process has so high a number.
    (tmp_path / WEB_PID_FILE).write_text(f"{2**22 + 1}\n")
    with taken, pytest.raises(SettingsError) as caught:
        check_address(settings)
    assert "stop the program that has it, or set another port" in str(caught.value)


def test_a_web_process_of_ours_that_ends_is_waited_for(
    tmp_path: Path, taken: socket.socket
) -> None:
    settings = settings_for(tmp_path, listen=address_of(taken))
    (tmp_path / WEB_PID_FILE).write_text(f"{os.getpid()}\n")
    leaving = threading.Timer(0.3, taken.close)
    leaving.start()
    with capture_logs() as logs:
        check_address(settings)
    leaving.join()
    assert [line["event"] for line in logs] == ["address_waited_for"]


def test_a_machine_has_not_every_address(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="this machine has no such address; 0"):
        check_address(settings_for(tmp_path, listen="192.0.2.1:8080"))


def test_one_supervisor_works_on_a_data_directory(tmp_path: Path) -> None:
    refused = pytest.raises(SettingsError, match=f"already, as process {os.getpid()}: stop that")
    with supervisor_lock(tmp_path), refused, supervisor_lock(tmp_path):
        pass
    with supervisor_lock(tmp_path):
        pass


def test_without_a_lock_a_supervisor_works_too(tmp_path: Path) -> None:
    """A volume that became read-only can still be searched."""
    with capture_logs() as logs, supervisor_lock(tmp_path / "away"):
        pass
    assert [line["event"] for line in logs] == ["supervisor_not_locked"]
