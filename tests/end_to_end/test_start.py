"""A service that cannot run says so at once, before it asks any registry."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.end_to_end.ports import free_port
from tests.end_to_end.service import Service
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving


@pytest.fixture
def registry() -> FakeRegistry:
    """Give a registry that nobody has asked yet."""
    return FakeRegistry()


@pytest.fixture
def service(registry: FakeRegistry, tmp_path: Path) -> Iterator[Service]:
    """Give a service that knows the registry, not started."""
    with ExitStack() as stack:
        url = stack.enter_context(serving(registry.app))
        made = Service(tmp_path)
        stack.callback(made.close)
        made.configure(REGSEARCH_REGISTRY=url, REGSEARCH_REGISTRY__DEFAULT__NOTIFICATIONS="false")
        yield made


def lines_of(text: str) -> list[str]:
    """Return what is said besides the log."""
    return [line for line in text.splitlines() if not line.startswith("timestamp=")]


def test_a_second_service_on_the_same_data_ends_at_once(service: Service) -> None:
    service.start()
    first = service.supervisor_pid
    service.configure(**service._extra_environment, REGSEARCH_LISTEN=f"127.0.0.1:{free_port()}")
    ended = service.command("serve")
    assert ended.returncode == 2
    (said,) = lines_of(ended.stderr)
    assert f"data_dir '{service.data}': regsearch serve runs on it already" in said
    assert f"as process {first}: stop that one, or set another data_dir" in said
    assert service.is_ready()


def test_an_address_that_is_in_use_is_told_before_the_registry_is_asked(
    service: Service, registry: FakeRegistry
) -> None:
    with socket.create_server(("127.0.0.1", service.port)):
        ended = service.command("serve")
    assert ended.returncode == 2
    (said,) = lines_of(ended.stderr)
    assert f"listen '{service.host}': [Errno 98] Address already in use: stop the program" in said
    assert registry.requests == []


@pytest.mark.parametrize("setting", ["PASSWORD_FILE", "CA_FILE", "CLIENT_CERT", "DOCKER_CONFIG"])
def test_a_file_that_is_missing_is_told_before_anything_begins(
    service: Service, registry: FakeRegistry, setting: str
) -> None:
    prefix = "REGSEARCH_REGISTRY__DEFAULT__"
    service.configure(
        **service._extra_environment,
        **{f"{prefix}{setting}": "/no/such/file", f"{prefix}USERNAME": "alice"},
    )
    ended = service.command("serve")
    assert ended.returncode == 2
    (said,) = lines_of(ended.stderr)
    assert said.startswith(f"regsearch: {setting.lower()} of registry 'default': ")
    assert "No such file or directory" in said
    assert not (service.data / "web.pid").exists()
    assert registry.requests == []


def test_a_service_whose_supervisor_was_killed_can_be_started_at_once(service: Service) -> None:
    """Its processes end by themselves soon, and have the address until then."""
    service.start()
    before, supervisor = service.child_pid("web"), service._program
    assert supervisor is not None
    os.kill(service.supervisor_pid, signal.SIGKILL)
    supervisor.wait(10)
    service.start()
    service.wait_until(
        lambda: service.child_pid("web") not in {0, before} and service.is_ready(),
        60,
        "another web process answers",
    )


def test_each_line_of_the_log_may_be_an_object(service: Service) -> None:
    service.configure(**service._extra_environment, REGSEARCH_LOG_FORMAT="json")
    service.start()
    service.wait_until_idle()
    service.kill_child("indexer")
    service.wait_until(lambda: service.child_pid("indexer") > 0, 60, "another indexer runs")
    assert service.stop(30) == 0
    lines = [json.loads(line) for line in service.log_text().splitlines()]
    assert {"process_started", "web_listens", "process_died", "crawl_finished"} <= {
        line["event"] for line in lines
    }
    assert all({"timestamp", "level", "process"} <= line.keys() for line in lines)
