"""The webhook secret: given, or made once, for this account alone."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.settings import RegistrySettings, Settings
from webhooks.auth import SECRET_FILE, _make, common_secret, kept_secrets, webhook_secrets

PROJECT = Path(__file__).parents[2]
MAKE = (
    "import sys; from pathlib import Path; from indexer.settings import Settings;"
    "from webhooks.auth import common_secret;"
    "sys.stdin.readline(); print(common_secret(Settings(data_dir=Path(sys.argv[1]))))"
)

GIVEN, OWN = "given-by-the-settings", "own-of-this-registry"
BEFORE = "the-one-before-that"


def test_it_is_made_once_and_only_this_account_can_read_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    secret = common_secret(settings)
    assert len(secret) == 32
    assert common_secret(settings) == secret
    mode = (tmp_path / SECRET_FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    # No draft of it is left behind.
    assert [path.name for path in tmp_path.iterdir()] == [SECRET_FILE]


def test_two_services_have_different_secrets(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = (common_secret(Settings(data_dir=folder)) for folder in folders)
    assert one != two


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=20)[0].strip() for process in processes}
    assert answers == {(tmp_path / SECRET_FILE).read_text().strip()}


def test_who_comes_second_takes_the_secret_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / SECRET_FILE
    path.write_text("secret-of-the-first\n")
    # As when the other process was quicker by a moment.
    _make(path)
    assert common_secret(Settings(data_dir=tmp_path)) == "secret-of-the-first"
    assert list(tmp_path.iterdir()) == [path]


def test_settings_win_and_nothing_is_written(tmp_path: Path) -> None:
    assert common_secret(Settings(data_dir=tmp_path, webhook_secret=GIVEN)) == GIVEN
    assert list(tmp_path.iterdir()) == []


def registry(name: str, *, present: str = "", previous: str = "") -> RegistrySettings:
    return RegistrySettings(
        name=name,
        url=f"http://{name}",
        webhook_secret=present,
        previous_webhook_secret=previous,
    )


def test_a_registry_has_its_own_secret_or_the_common_one(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        webhook_secret=GIVEN,
        registry=(registry("one", present=OWN), registry("two")),
    )
    assert webhook_secrets(settings) == {"one": (OWN,), "two": (GIVEN,)}


def test_the_previous_secret_is_accepted_too(tmp_path: Path) -> None:
    """A previous common one does not get into a registry with one of its own."""
    settings = Settings(
        data_dir=tmp_path,
        webhook_secret=GIVEN,
        previous_webhook_secret=BEFORE,
        registry=(
            registry("one", present=OWN),
            registry("two"),
            registry("three", present=OWN, previous=GIVEN),
            registry("four", previous=OWN),
        ),
    )
    assert webhook_secrets(settings) == {
        "one": (OWN,),
        "two": (GIVEN, BEFORE),
        "three": (OWN, GIVEN),
        "four": (GIVEN, OWN),
    }


def test_a_short_secret_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / SECRET_FILE).write_text("short\n")
    with pytest.raises(SettingsError, match=r"webhook-secret, has 5 characters.*openssl rand"):
        common_secret(Settings(data_dir=tmp_path))


@pytest.mark.parametrize("text", ["", "\n", "  \n"])
def test_an_empty_file_is_no_secret(tmp_path: Path, text: str) -> None:
    """Nobody gets in without a credential, whatever a crash left of the file."""
    (tmp_path / SECRET_FILE).write_text(text)
    with pytest.raises(SettingsError, match=r"webhook-secret, is empty"):
        common_secret(Settings(data_dir=tmp_path))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / SECRET_FILE).mkdir()
    with pytest.raises(SettingsError, match=r"webhook_secret, kept in .*webhook-secret"):
        common_secret(Settings(data_dir=tmp_path))
    with pytest.raises(SettingsError, match=r"kept in .*missing"):
        common_secret(Settings(data_dir=tmp_path / "missing"))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / SECRET_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="webhook-secret"):
        common_secret(Settings(data_dir=tmp_path))


def test_who_only_looks_makes_no_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, registry=(RegistrySettings(url="http://r"),))
    assert kept_secrets(settings) == {}
    assert list(tmp_path.iterdir()) == []
    assert webhook_secrets(settings) == kept_secrets(settings)
