"""The settings: valid values, refused values with their messages, and no secret in any message."""

import os
import re
import traceback
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.settings import (
    CONFIG_FILE,
    PREFIX,
    RegistrySettings,
    Settings,
    config_file,
    load_settings,
)

SECRET = "hunter2-hunter2-hunter2"
REGISTRY = '[[registry]]\nurl = "https://r.example.org"\n'
Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load settings in an empty directory with this file and these variables alone."""

    def run(file: str | None = None, **environment: str) -> Settings:
        for name in list(os.environ):
            if name.startswith(PREFIX):
                monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(PREFIX + name, value)
        if file is not None:
            (tmp_path / CONFIG_FILE).write_text(file, encoding="utf-8")
        return load_settings()

    monkeypatch.chdir(tmp_path)
    return run


@pytest.fixture
def refusal(load: Load) -> Callable[..., str]:
    """Return the message about settings; neither it nor its causes have the secret."""

    def run(file: str | None = None, **environment: str) -> str:
        with pytest.raises(SettingsError) as caught:
            load(file, **environment)
        assert SECRET not in "".join(traceback.format_exception(caught.value))
        lines = str(caught.value).splitlines()
        named = f"{CONFIG_FILE}: "
        if file is not None and not environment:
            assert all(line.startswith(named) for line in lines), "each line names the file"
        return "\n".join(line.removeprefix(named) for line in lines)

    return run


def registry(load: Load, lines: str = "") -> RegistrySettings:
    (found,) = load(REGISTRY + lines).registry
    return found


# What is taken


def test_everything_has_a_default(load: Load) -> None:
    assert load() == Settings.model_construct(
        registry=(),
        data_dir=Path("regsearch-data"),
        listen="127.0.0.1:8080",
        webhook_secret="",
        engine="whoosh",
        log_level="info",
    )


def test_the_url_of_a_registry_is_a_whole_configuration(load: Load) -> None:
    (found,) = load(REGISTRY="http://localhost:5000").registry
    assert (found.name, found.url) == ("default", "http://localhost:5000")
    assert (found.registry_host, found.username, found.password) == ("localhost:5000", "", "")
    assert (found.crawl_interval, found.max_in_flight) == (timedelta(hours=6), 8)
    assert (found.password_file, found.webhook_secret, found.secret()) == (None, "", "")


def test_every_setting_can_be_written_in_the_file(load: Load) -> None:
    settings = load(
        """
        data_dir = "/var/lib/regsearch"
        listen = "[::]:80"
        public_url = "https://example.org/regsearch/"
        page = false
        cors_origins = ["https://example.org", "http://localhost:3000"]
        trusted_proxies = ["10.0.0.0/8", "::1"]
        caller_requests_per_second = 7
        caller_streams = 3
        access_log = true
        webhook_secret = "common-to-all-of-them"
        previous_webhook_secret = "common-before-that"
        journal_retention = "2d"
        hidden_retention = "12h"
        history_retention = "0s"
        engine = "opensearch"
        opensearch_url = ["https://node1:9200/", "http://node2.internal:9200"]
        opensearch_username = "regsearch"
        opensearch_password = "p"
        opensearch_password_file = "/run/cluster-password"
        opensearch_ca_file = "/run/cluster-ca.pem"
        opensearch_prefix = "regsearch-eu"
        opensearch_shards = 3
        opensearch_replicas = 2
        node_secret = "common-to-all-nodes"
        node_secret_file = "/run/node-secret"
        log_level = "debug"
        log_format = "json"
        search_processes = 3
        search_deadline = "5s"
        synonyms = [["billing", "payments"]]
        official = ["library", "platform/base"]
        [access]
        operators = ["user:alice", "group:platform"]
        user_header = "X-Forwarded-User"
        groups_header = "X-Forwarded-Groups"
        htpasswd_file = "/etc/regsearch/htpasswd"
        tokens_file = "/etc/regsearch/tokens"
        session_secret_file = "/etc/regsearch/session"
        challenge = true
        audit_log = true
        [access.oidc]
        issuer = "https://login.example.org"
        client_id = "regsearch"
        client_secret = "s"
        client_secret_file = "/run/oidc"
        client_secret_env = "OIDC"
        name_claim = "email"
        groups_claim = "roles"
        [[registry]]
        name = "team-1"
        url = "https://r.example.org:5000/"
        registry_host = "r.example.org"
        hosts = ["r.internal:5000"]
        username = "reader"
        password = "p"
        password_file = "/run/secret"
        password_env = "CRAWLER"
        docker_config = "/run/config.json"
        ca_file = "/run/ca.pem"
        client_cert = "/run/client.pem"
        client_key = "/run/client.key"
        insecure = false
        blob_hosts = ["minio.internal:9000", "[fd00::1]"]
        token_realm = "https://auth.example.org/token"
        repositories = ["team/app", "team/web"]
        include = ["team/*"]
        exclude = ["*-test"]
        webhook_secret = "own-of-this-registry"
        previous_webhook_secret = "own-one-before-that"
        crawl_interval = "15m"
        learn_moves = false
        notifications = false
        count_pulls = true
        pull_through = true
        pull_through_ttl = "36h"
        max_in_flight = 32
        access = "rules"
        rights_lifetime = "10m"
        basic_means_all = false
        [[registry.rule]]
        repositories = ["team/*"]
        users = ["bob"]
        groups = ["payments"]
        [[registry]]
        name = "other"
        url = "http://other"
        [[node]]
        name = "a"
        url = "https://a.internal/regsearch/"
        registries = ["team-1", "other"]
        """
    )
    assert settings.model_dump() == {
        "data_dir": Path("/var/lib/regsearch"),
        "listen": "[::]:80",
        "public_url": "https://example.org/regsearch",
        "page": False,
        "cors_origins": ("https://example.org", "http://localhost:3000"),
        "trusted_proxies": (ip_network("10.0.0.0/8"), ip_network("::1")),
        "caller_requests_per_second": 7,
        "caller_streams": 3,
        "access_log": True,
        "webhook_secret": "common-to-all-of-them",
        "webhook_secret_file": None,
        "previous_webhook_secret": "common-before-that",
        "previous_webhook_secret_file": None,
        "journal_retention": timedelta(days=2),
        "hidden_retention": timedelta(hours=12),
        "history_retention": None,
        "engine": "opensearch",
        "opensearch_url": ("https://node1:9200", "http://node2.internal:9200"),
        "opensearch_username": "regsearch",
        "opensearch_password": "p",
        "opensearch_password_file": Path("/run/cluster-password"),
        "opensearch_ca_file": Path("/run/cluster-ca.pem"),
        "opensearch_prefix": "regsearch-eu",
        "opensearch_shards": 3,
        "opensearch_replicas": 2,
        "node": (
            {
                "name": "a",
                "url": "https://a.internal/regsearch",
                "registries": ("team-1", "other"),
            },
        ),
        "node_name": "",
        "node_secret": "common-to-all-nodes",
        "node_secret_file": Path("/run/node-secret"),
        "log_level": "debug",
        "log_format": "json",
        "search_processes": 3,
        "search_deadline": timedelta(seconds=5),
        "synonyms": (("billing", "payments"),),
        "official": ("library", "platform/base"),
        "access": {
            "operators": ("user:alice", "group:platform"),
            "user_header": "X-Forwarded-User",
            "groups_header": "X-Forwarded-Groups",
            "htpasswd_file": Path("/etc/regsearch/htpasswd"),
            "tokens_file": Path("/etc/regsearch/tokens"),
            "session_secret_file": Path("/etc/regsearch/session"),
            "challenge": True,
            "audit_log": True,
            "oidc": {
                "issuer": "https://login.example.org",
                "client_id": "regsearch",
                "client_secret": "s",
                "client_secret_file": Path("/run/oidc"),
                "client_secret_env": "OIDC",
                "name_claim": "email",
                "groups_claim": "roles",
            },
        },
        "registry": (
            {
                "name": "team-1",
                "url": "https://r.example.org:5000",
                "registry_host": "r.example.org",
                "hosts": ("r.internal:5000",),
                "username": "reader",
                "password": "p",
                "password_file": Path("/run/secret"),
                "password_env": "CRAWLER",
                "docker_config": Path("/run/config.json"),
                "ca_file": Path("/run/ca.pem"),
                "client_cert": Path("/run/client.pem"),
                "client_key": Path("/run/client.key"),
                "insecure": False,
                "blob_hosts": ("minio.internal:9000", "[fd00::1]"),
                "token_realm": "https://auth.example.org/token",
                "repositories": ("team/app", "team/web"),
                "include": ("team/*",),
                "exclude": ("*-test",),
                "webhook_secret": "own-of-this-registry",
                "webhook_secret_file": None,
                "previous_webhook_secret": "own-one-before-that",
                "previous_webhook_secret_file": None,
                "crawl_interval": timedelta(minutes=15),
                "learn_moves": False,
                "notifications": False,
                "count_pulls": True,
                "pull_through": True,
                "pull_through_ttl": timedelta(hours=36),
                "max_in_flight": 32,
                "access": "rules",
                "rights_lifetime": timedelta(minutes=10),
                "basic_means_all": False,
                "rule": (
                    {"repositories": ("team/*",), "users": ("bob",), "groups": ("payments",)},
                ),
            },
            RegistrySettings(name="other", url="http://other").model_dump(),
        ),
    }


def test_a_list_is_written_with_commas_in_the_environment(load: Load) -> None:
    settings = load(CORS_ORIGINS="https://a.example, https://b.example:8443")
    assert settings.cors_origins == ("https://a.example", "https://b.example:8443")
    assert load(CORS_ORIGINS="*").cors_origins == ("*",)
    settings = load(ENGINE="opensearch", OPENSEARCH_URL="http://node1:9200, http://node2:9200")
    assert settings.opensearch_url == ("http://node1:9200", "http://node2:9200")
    networks = load(TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8").trusted_proxies
    assert networks == (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"))
    assert load().trusted_proxies == ()


@pytest.mark.parametrize("network", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "", "*"])
def test_what_is_no_network_is_refused_with_the_value(
    refusal: Callable[..., str], network: str
) -> None:
    said = refusal(f'trusted_proxies = ["::1", "{network}"]')
    assert said == (
        f"trusted_proxies.1: write an address or a network such as 10.0.0.0/8, not {network!r}"
    )


@pytest.mark.parametrize(
    "url", ["example.org", "ftp://example.org", "https://a b/", "https://e.org/?x", "https://e/<b>"]
)
def test_a_public_url_that_is_none_is_refused(refusal: Callable[..., str], url: str) -> None:
    said = refusal(f'public_url = "{url}"')
    assert said.startswith("public_url: write a URL such as https://example.org/regsearch, not ")


def test_the_path_of_the_public_url_is_the_base_path(load: Load) -> None:
    assert load().base_path == ""
    assert load(PUBLIC_URL="https://example.org/").base_path == ""
    assert load(PUBLIC_URL="https://example.org/a/b/").base_path == "/a/b"


@pytest.mark.parametrize("origin", ["a.example", "https://a.example/", "https://*.example", ""])
def test_what_is_no_origin_is_refused_with_the_value(
    refusal: Callable[..., str], origin: str
) -> None:
    said = refusal(f'cors_origins = ["https://b.example", "{origin}"]')
    assert said.startswith("cors_origins.1: ")
    assert repr(origin) in said


def test_synonyms_are_groups_of_texts(load: Load, refusal: Callable[..., str]) -> None:
    groups = 'synonyms = [["billing", "payments"], ["mq", "message queue"]]\n'
    found = load(groups).synonyms
    assert found == (("billing", "payments"), ("mq", "message queue"))
    for wrong in ('[["alone"]]', '[["billing", "-"]]', "[[]]"):
        assert "groups of two texts or more" in refusal(f"synonyms = {wrong}\n")


def test_the_environment_wins_over_the_file(load: Load) -> None:
    file = f'listen = "a:1"\nlog_level = "debug"\ndata_dir = "file"\n{REGISTRY}{REGISTRY}'
    settings = load(
        file, LISTEN="b:2", DATA_DIR="environment", REGISTRY="http://new", WEBHOOK_SECRET="s" * 16
    )
    assert (settings.listen, settings.log_level) == ("b:2", "debug")
    assert (settings.data_dir, settings.webhook_secret) == (Path("environment"), "s" * 16)
    assert [one.url for one in settings.registry] == ["http://new"]


def test_an_empty_variable_is_as_good_as_none(load: Load) -> None:
    settings = load(f'listen = "a:1"\n{REGISTRY}', LISTEN="", REGISTRY="", CONFIG="")
    assert (settings.listen, len(settings.registry)) == ("a:1", 1)


def test_the_file_that_the_environment_names_is_read_instead_of_the_one_here(
    tmp_path: Path, load: Load
) -> None:
    other = tmp_path / "other.toml"
    other.write_text('listen = "other:1"')
    assert load('listen = "here:1"').listen == "here:1"
    assert load(CONFIG=str(other)).listen == "other:1"
    assert config_file({"REGSEARCH_CONFIG": str(other)}) == other


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", timedelta(0)),
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("6h", timedelta(hours=6)),
        ("6 h", timedelta(hours=6)),
        ("7d", timedelta(days=7)),
        ("99999999d", timedelta(days=99_999_999)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(load: Load, text: str, expected: timedelta) -> None:
    assert registry(load, f'crawl_interval = "{text}"').crawl_interval == expected


def test_a_duration_may_be_given_as_one_by_code() -> None:
    interval = timedelta(seconds=3)
    given = RegistrySettings(url="http://r", crawl_interval=interval)
    assert given.crawl_interval == interval


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65_535)),
        ("::1:80", ("::1", 80)),
    ],
)
def test_the_address_to_listen_at_is_host_and_port(
    load: Load, listen: str, address: tuple[str, int]
) -> None:
    assert load(LISTEN=listen).address() == address


# URLs


@pytest.mark.parametrize(
    ("url", "kept", "host"),
    [
        ("https://r.example.org", "https://r.example.org", "r.example.org"),
        ("https://r.example.org/", "https://r.example.org", "r.example.org"),
        ("https://r.example.org:443/a/b/", "https://r.example.org:443/a/b", "r.example.org:443"),
        ("HTTP://[::1]:5000", "http://[::1]:5000", "[::1]:5000"),
        (" http://localhost:5000\n", "http://localhost:5000", "localhost:5000"),
        ("https://u:p@r.example.org/prefix", "https://r.example.org/prefix", "r.example.org"),
    ],
)
def test_a_url_is_kept_with_its_path_and_names_the_host(
    load: Load, url: str, kept: str, host: str
) -> None:
    (found,) = load(REGISTRY=url).registry
    assert (found.url, found.registry_host) == (kept, host)


@pytest.mark.parametrize(
    ("user_info", "username", "password"),
    [
        ("ada:secret", "ada", "secret"),
        ("ada", "ada", ""),
        ("ada%40example.org:p%2Fa%3Ass%25", "ada@example.org", "p/a:ss%"),
        ("ada:a:b", "ada", "a:b"),
        ("ada:p@ss", "ada", "p@ss"),
    ],
)
def test_credentials_move_from_the_url_to_their_settings(
    load: Load, user_info: str, username: str, password: str
) -> None:
    """Regression: percent-encoded credentials of a URL were sent without decoding."""
    (found,) = load(REGISTRY=f"https://{user_info}@r.example.org").registry
    assert (found.username, found.password, found.secret()) == (username, password, password)
    assert found.url == "https://r.example.org"


def test_settings_of_their_own_win_over_those_in_the_url(load: Load) -> None:
    (found,) = load(
        '[[registry]]\nurl = "https://a:b@r"\nusername = "c"\npassword = "d"\nregistry_host = "e"'
    ).registry
    assert (found.username, found.password, found.registry_host) == ("c", "d", "e")


def test_an_empty_setting_means_the_url_s_as_its_description_says(load: Load) -> None:
    """Regression: an empty ``registry_host`` made references such as ``/team/web:1.0``."""
    (found,) = load(
        '[[registry]]\nurl = "https://a:b@r"\nusername = ""\nregistry_host = ""'
    ).registry
    assert (found.username, found.registry_host) == ("a", "r")


@pytest.mark.parametrize(
    "url",
    [
        f"admin:{SECRET}@r.example.org",
        f"https:admin:{SECRET}@r.example.org",
        f"ftp://admin:{SECRET}@r.example.org",
        f"https://admin:{SECRET}/x@r.example.org",
        f"https://admin:1/{SECRET}@r.example.org",
        f"https://admin:{SECRET}@r.example.org:99999",
        f"https://admin:{SECRET}@r.example.org:0",
        f"https://admin:{SECRET}@r.example.org?a=b",
        f"https://admin:x@r.example.org?password={SECRET}",
        f"https://r.example.org?password={SECRET}",
        f"https://r.example.org#{SECRET}",
        f"https://admin:{SECRET}@",
        f"https://[admin:{SECRET}@r.example.org",
        f"https://admin:{SECRET}@r example.org",
        f"https://admin:{SECRET}@r\\\\example.org",
        "r.example.org",
        "https://",
    ],
)
def test_what_is_no_url_is_refused_without_repeating_credentials(
    refusal: Callable[..., str], url: str
) -> None:
    said = refusal(f"[[registry]]\nname = 'a'\nurl = '{url}'")
    assert said.startswith(
        "registry.0.url: write a URL such as https://registry.example.org, not '"
    )
    assert refusal(REGISTRY=url) == said.replace("registry.0.url", "REGSEARCH_REGISTRY", 1)


def test_a_refused_url_is_shown_but_for_its_credentials(refusal: Callable[..., str]) -> None:
    said = refusal(REGISTRY=f"https://admin:{SECRET}@r.example.org:99999/path")
    assert said.endswith(", not 'https://…@r.example.org:99999/path'")
    assert len(refusal(REGISTRY="x" * 10_000)) < 500


# Secrets


def test_secrets_are_not_in_the_representation_of_settings(load: Load) -> None:
    settings = load(
        f'webhook_secret = "{SECRET}"\n[[registry]]\nurl = "https://u:{SECRET}@r"\n'
        f'webhook_secret = "{SECRET}"'
    )
    assert settings.registry[0].password == SECRET
    assert SECRET not in f"{settings} {settings!r} {settings.registry[0]!r}"


@pytest.mark.parametrize(
    "lines",
    [
        f'username = 1\npassword = "{SECRET}"',
        f'username = "a"\npassword = ["{SECRET}"]',
        f'password = {{ x = "{SECRET}" }}',
        f'webhook_secret = ["{SECRET}"]',
        f'passwrod = "{SECRET}"',
        f'password = "{SECRET}"',
        f'username = {{ x = "{SECRET}" }}',
        f'username = "a"\npassword = "{SECRET}"\nmax_in_flight = 99',
        f'username = "a"\npassword = "{SECRET}"\n{REGISTRY}',
        f'username = "a"\npassword = "{SECRET}"\n[[registry]]\nname = "other"',
    ],
)
def test_no_error_about_a_registry_repeats_a_secret(
    refusal: Callable[..., str], lines: str
) -> None:
    """Regression: two registries of one name had all their settings printed, with passwords."""
    assert refusal(REGISTRY + lines)


@pytest.mark.parametrize(
    "file",
    [
        f'[registry]\nurl = "https://r"\npassword = "{SECRET}"',
        f'registry = ["https://u:{SECRET}@r"]',
        f'webhook_secret = ["{SECRET}"]',
        f'webhook_secret = "{SECRET}"\n{REGISTRY}{REGISTRY}',
        f'webhook_secret = "{SECRET}"\nlisten = 1',
        f'webhook_secret = "{SECRET}" x',
    ],
)
def test_no_error_about_the_file_repeats_a_secret(refusal: Callable[..., str], file: str) -> None:
    assert refusal(file)


def test_a_password_may_be_in_a_file(tmp_path: Path, load: Load) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    found = registry(load, 'username = "a"\npassword = "b"\npassword_file = "password"')
    assert found.secret() == SECRET


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_password_file_that_cannot_be_read_is_named(
    tmp_path: Path, load: Load, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    found = registry(load, 'name = "team"\nusername = "a"\npassword_file = "password"')
    with pytest.raises(SettingsError, match="password_file of registry 'team'"):
        found.secret()


@pytest.mark.parametrize("key", ["password", "password_file", "password_env"])
def test_a_password_that_nobody_would_use_is_refused(refusal: Callable[..., str], key: str) -> None:
    """Regression: without a username it was passed over, and the registry read anonymously."""
    assert refusal(f'{REGISTRY}{key} = "{SECRET}"') == "registry.0: a password needs a username"


# What is refused


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('crawl_intervall = "1h"', "'registry.0.crawl_intervall'; did you mean crawl_interval?"),
        (
            "max = 1",
            "'registry.0.max'; known are access, basic_means_all, blob_hosts, ca_file,",
        ),
        ('blob_hosts = ["https://a"]', "registry.0.blob_hosts.0: String should match pattern"),
        ('blob_hosts = ["*"]', "registry.0.blob_hosts.0: String should match pattern"),
        ('repositories = ["team/*"]', "registry.0.repositories: not a repository name: 'team/*';"),
        ('client_key = "k"', "client_key without client_cert: set client_cert too"),
        ('insecure = true\nca_file = "c"', "insecure = true, so its ca_file would not be used"),
        ('token_realm = "auth"', "write a URL such as https://auth.example.org/token, not 'auth'"),
        ('token_realm = "ftp://auth"', "write a URL such as https://auth.example.org/token"),
        ('token_realm = "https://a:b@c"', "https://auth.example.org/token, not 'https://…@c'"),
        ('crawl_interval = "1w"', "registry.0.crawl_interval: write a number and a unit"),
        ('crawl_interval = "-1s"', "registry.0.crawl_interval: write a number and a unit"),
        ('crawl_interval = "99999999999d"', "write a number and a unit, such as 30s, 15m, 6h or"),
        ("crawl_interval = 60", "write a number and a unit, such as 30s, 15m, 6h or 7d, not 60"),
        ("crawl_interval = -60", "write a number and a unit, such as 30s, 15m, 6h or 7d, not -60"),
        ("max_in_flight = 0", "registry.0.max_in_flight: Input should be greater than or equal"),
        ("max_in_flight = 33", "registry.0.max_in_flight: Input should be less than or equal to"),
        ('max_in_flight = "many"', "registry.0.max_in_flight: Input should be a valid integer"),
        ('name = "Team"', "registry.0.name: String should match pattern"),
        ('name = ""', "registry.0.name: String should match pattern"),
        (f'name = "{"a" * 65}"', "registry.0.name: String should have at most 64 characters"),
        (REGISTRY, "settings: two registries are named 'default'"),
    ],
)
def test_a_registry_that_does_not_fit_is_refused_by_name_and_value(
    refusal: Callable[..., str], lines: str, said: str
) -> None:
    assert said in refusal(REGISTRY + lines)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ('listne = "a:1"', "unknown setting 'listne'; did you mean listen?"),
        (
            'zzz = "a:1"',
            "unknown setting 'zzz'; known are access, access_log, caller_requests_per_second,",
        ),
        ('listen = "localhost"', "listen: write HOST:PORT such as 0.0.0.0:8080; :8080 is at all"),
        ('listen = "8080"', "listen: write HOST:PORT such as 0.0.0.0:8080; :8080 is at all"),
        ('listen = "a:65536"', "listen: a port is at most 65535, not 'a:65536'"),
        ('engine = "lucene"', "engine: Input should be 'whoosh', 'tantivy' or 'opensearch', not"),
        ('engine = "opensearch"', "engine is 'opensearch', but nothing says where the cluster is"),
        ('opensearch_url = ["node1:9200"]', "opensearch_url.0: write URLs such as https://node1"),
        (
            f'opensearch_url = ["https://a:{SECRET}@node1:9200"]',
            "opensearch_url.0: write URLs such as https://node1:9200; an account is",
        ),
        (f'opensearch_password = "{SECRET}"', "opensearch_password needs opensearch_username"),
        ('opensearch_prefix = "Reg"', "opensearch_prefix: String should match pattern"),
        ("opensearch_shards = 0", "opensearch_shards: Input should be greater than or equal to 1"),
        ('log_level = "INFO"', "log_level: Input should be 'debug', 'info', 'warning' or 'error'"),
        ('[[registry]]\nname = "a"', "registry.0.url: Field required"),
        ("[[registry]]\nurl = 1", "registry.0.url: Input should be a valid string, not 1"),
        ('[registry]\nurl = "https://r"', "registry: write [[registry]], with two brackets"),
        ("registry = 5", "registry: Input should be a valid tuple, not 5"),
        ("listen = = 1", "Invalid value (at line 1, column 10)"),
        ('listen = "\ud800"'.encode("utf-8", "replace").decode(), "listen: "),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name_and_value(
    refusal: Callable[..., str], file: str, said: str
) -> None:
    assert said in refusal(file)


def test_the_password_at_the_cluster_is_read_from_its_file(load: Load, tmp_path: Path) -> None:
    account = 'opensearch_username = "a"\n'
    assert load(f'{account}opensearch_password = "p"').opensearch_secret() == "p"
    file = tmp_path / "password"
    file.write_text("q\n")
    lines = f'{account}opensearch_password = "p"\nopensearch_password_file = "{file}"\n'
    assert load(lines).opensearch_secret() == "q"
    for named in ("opensearch_password_file", "opensearch_ca_file"):
        missing = load(f'{account}{named} = "{tmp_path / "none"}"')
        with pytest.raises(SettingsError, match=named):
            missing.opensearch_secret()


def test_everything_that_is_wrong_is_told_at_once(refusal: Callable[..., str]) -> None:
    said = refusal(f'listen = "x"\nlog_level = "x"\n{REGISTRY}name = "X"')
    assert sorted(line.partition(":")[0] for line in said.splitlines()) == [
        "listen",
        "log_level",
        "registry.0.name",
    ]


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("REGISTRY_URL", "REGSEARCH_REGISTRY_URL; did you mean REGSEARCH_REGISTRY?"),
        ("LISTNE", "REGSEARCH_LISTNE; did you mean REGSEARCH_LISTEN?"),
        (
            "XYZ",
            "REGSEARCH_XYZ; known are REGSEARCH_ACCESS_LOG, REGSEARCH_ACCESS__AUDIT_LOG,",
        ),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(
    refusal: Callable[..., str], variable: str, said: str
) -> None:
    """Regression: the prefix they share made every name near to every other."""
    assert refusal(**{variable: SECRET}).startswith(f"unknown environment variable {said}")


def test_a_file_that_the_environment_names_and_that_is_missing_is_refused(
    tmp_path: Path, refusal: Callable[..., str]
) -> None:
    missing = str(tmp_path / "missing.toml")
    assert refusal(REGISTRY, CONFIG=missing) == f"REGSEARCH_CONFIG: no such file: '{missing}'"
    assert "no such file" in refusal(CONFIG=str(tmp_path))


def test_a_file_that_is_not_text_or_cannot_be_read_is_named(
    tmp_path: Path, refusal: Callable[..., str]
) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert refusal(CONFIG=str(binary)).startswith(f"{binary}: ")
    # A file that every account may open and nobody can read from its beginning.
    assert refusal(CONFIG="/proc/self/mem").startswith("/proc/self/mem: ")


def test_settings_cannot_be_changed(load: Load) -> None:
    settings = load(REGISTRY)
    for target, name in ((settings, "listen"), (settings.registry[0], "url")):
        with pytest.raises(ValueError, match="frozen"):
            setattr(target, name, "x")


@pytest.mark.parametrize(
    ("repository", "is_read"),
    [
        ("team/web", True),
        ("team/a/b", True),
        ("team/web-test", False),
        ("other/web", False),
        ("team", False),
    ],
)
def test_patterns_say_which_repositories_are_read(
    load: Load, repository: str, *, is_read: bool
) -> None:
    found = registry(load, 'include = ["team/*"]\nexclude = ["*-test"]')
    assert found.includes(repository) is is_read


def test_without_patterns_everything_is_read(load: Load) -> None:
    assert registry(load, "").includes("any/thing")


def test_a_password_may_be_in_a_variable(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry(load, 'username = "a"\npassword_env = "CRAWLER_PASSWORD"')
    with pytest.raises(SettingsError, match="CRAWLER_PASSWORD is not set"):
        found.secret()
    monkeypatch.setenv("CRAWLER_PASSWORD", "p")
    assert found.secret() == "p"


@pytest.mark.parametrize("name", ["webhook_secret", "previous_webhook_secret"])
@pytest.mark.parametrize("secret", ["x", SECRET[:15]])
def test_a_short_webhook_secret_is_refused_with_its_length_and_a_remedy(
    refusal: Callable[..., str], name: str, secret: str
) -> None:
    common = refusal(f'{name} = "{secret}"\n{REGISTRY}')
    assert f"{name} of all registries" in common
    own = refusal(f'{REGISTRY}name = "team"\n{name} = "{secret}"')
    assert f"{name} of registry 'team'" in own
    for message in (common, own):
        assert f"has {len(secret)} characters, and 16 are the least" in message
        assert "openssl rand -hex 32" in message


# Who may see what


@pytest.mark.parametrize(
    ("lines", "mode"),
    [
        ("", "public"),
        ('username = "crawler"\npassword = "p"', "registry"),
        ('docker_config = "/run/config.json"', "registry"),
        ('username = "crawler"\naccess = "public"', "public"),
        ('access = "registry"', "registry"),
        ('access = "rules"\n[[registry.rule]]\nrepositories = ["*"]\nusers = ["*"]', "rules"),
    ],
)
def test_a_registry_that_is_read_with_credentials_is_not_public_by_default(
    load: Load, lines: str, mode: str
) -> None:
    assert registry(load, lines).mode == mode


def test_the_table_of_access_can_be_written_in_the_environment(load: Load) -> None:
    access = load(
        ACCESS__OPERATORS="user:alice, group:platform",
        ACCESS__HTPASSWD_FILE="/etc/users",
        ACCESS__OIDC__ISSUER="https://login.example.org",
        ACCESS__OIDC__CLIENT_ID="regsearch",
        ACCESS_LOG="true",
    ).access
    assert access.operators == ("user:alice", "group:platform")
    assert access.htpasswd_file == Path("/etc/users")
    assert access.oidc is not None
    assert (access.oidc.issuer, access.oidc.client_id) == ("https://login.example.org", "regsearch")


RULE = '[[registry.rule]]\nrepositories = ["a/*"]\n'


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            '[access]\nuser_header = "X-User"',
            (
                "settings: access.user_header is 'X-User', but no proxy is believed:"
                " name the networks of the proxies that set it in trusted_proxies"
            ),
        ),
        (
            '[access]\ngroups_header = "X-Groups"',
            "access: groups_header is 'X-Groups', but no header names the user:",
        ),
        ('[access]\noperators = ["alice"]', "access.operators.0: "),
        ('[access]\nuser_header = "X User"', "access.user_header: "),
        ("[access]\noperator = []", "unknown setting 'access.operator'; did you mean operators?"),
        (
            '[access.oidc]\nissuer = "http://login.example.org"\nclient_id = "a"',
            "access.oidc.issuer: write a URL such as https://login.example.org, with https, not ",
        ),
        ('[access.oidc]\nissuer = "https://e.org"', "access.oidc.client_id: Field required"),
        (
            REGISTRY + 'access = "private"',
            "registry.0.access: Input should be '', 'public', 'registry' or 'rules', not 'private'",
        ),
        (
            REGISTRY + RULE + 'users = ["bob"]',
            (
                "registry.0: registry 'default' has rules, but its access is 'public':"
                ' write access = "rules", or remove the rules'
            ),
        ),
        (
            REGISTRY + 'access = "rules"',
            (
                "registry.0: registry 'default' has access = 'rules' and no rule, so nobody"
                " could see it: write a [[registry.rule]]"
            ),
        ),
        (
            REGISTRY + "basic_means_all = true",
            (
                "registry.0: registry 'default' has basic_means_all, but its access is 'public':"
                ' write access = "registry", or remove basic_means_all'
            ),
        ),
        (
            REGISTRY + 'access = "rules"\n' + RULE,
            (
                "registry.0.rule.0: this rule is for nobody: name users or groups;"
                ' users = ["*"] is everybody, signed in or not'
            ),
        ),
        (
            REGISTRY + 'access = "rules"\n' + RULE + 'user = ["bob"]',
            "unknown setting 'registry.0.rule.0.user'; did you mean users?",
        ),
    ],
)
def test_access_that_does_not_fit_is_refused_with_the_remedy(
    refusal: Callable[..., str], file: str, said: str
) -> None:
    assert refusal(file).startswith(said)


def test_the_secret_of_the_issuer_is_read_from_where_it_is(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("OIDC", "from-the-environment")
    for line, secret in (
        ("", ""),
        (f'client_secret = "{SECRET}"', SECRET),
        (f'client_secret_file = "{tmp_path}/secret"', SECRET),
        ('client_secret_env = "OIDC"', "from-the-environment"),
    ):
        oidc = load(
            f'[access.oidc]\nissuer = "https://login.example.org"\nclient_id = "a"\n{line}'
        ).access.oidc
        assert oidc is not None
        assert oidc.secret() == secret
        assert SECRET not in repr(oidc)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('client_secret_env = "NOT_SET"', "access.oidc.client_secret_env: NOT_SET is not set"),
        ('client_secret_file = "nowhere"', "access.oidc.client_secret_file: "),
    ],
)
def test_a_secret_of_the_issuer_that_is_not_there_is_named(
    load: Load, line: str, said: str
) -> None:
    oidc = load(
        f'[access.oidc]\nissuer = "http://localhost:1"\nclient_id = "a"\n{line}'
    ).access.oidc
    assert oidc is not None
    with pytest.raises(SettingsError, match=f"^{re.escape(said)}"):
        oidc.secret()


# Registries in the environment


def test_several_registries_are_set_by_variables(load: Load) -> None:
    settings = load(
        REGISTRY__MAIN__URL="https://main.example.org",
        REGISTRY__MAIN__HOSTS="a.example.org, b.example.org:5000",
        REGISTRY__MAIN__INCLUDE='["team/*", "base"]',
        REGISTRY__MAIN__CRAWL_INTERVAL="15m",
        REGISTRY__MAIN__MAX_IN_FLIGHT="4",
        REGISTRY__MAIN__NOTIFICATIONS="false",
        REGISTRY__MAIN__CA_FILE="/run/ca.pem",
        REGISTRY__MAIN__ACCESS="rules",
        REGISTRY__MAIN__RULE='[{"repositories": ["team/*"], "users": ["*"]}]',
        REGISTRY__TEAM_B__URL="http://b:5000",
        REGISTRY__TEAM_B__NAME="team-b",
        REGISTRY__EMPTY__URL="",
    )
    main, other = settings.registry
    assert (main.name, main.url) == ("main", "https://main.example.org")
    assert main.hosts == ("a.example.org", "b.example.org:5000")
    assert main.include == ("team/*", "base")
    assert main.crawl_interval == timedelta(minutes=15)
    assert (main.max_in_flight, main.notifications) == (4, False)
    assert main.ca_file == Path("/run/ca.pem")
    assert main.rule[0].users == ("*",)
    assert (other.name, other.url) == ("team-b", "http://b:5000")


def test_variables_are_put_on_top_of_the_registry_of_the_file(load: Load) -> None:
    file = """
        [[registry]]
        name = "team-1"
        url = "https://one.example.org"
        username = "reader"
        [[registry]]
        name = "two"
        url = "https://two.example.org"
    """
    one, two, three = load(
        file,
        REGISTRY__TEAM_1__PASSWORD="p",
        REGISTRY__THREE__URL="https://three.example.org",
    ).registry
    assert (one.name, one.username, one.password) == ("team-1", "reader", "p")
    assert (two.name, two.password) == ("two", "")
    assert three.name == "three"


def test_a_single_url_can_have_more_settings(load: Load) -> None:
    (only,) = load(REGISTRY="https://r.example.org", REGISTRY__DEFAULT__INSECURE="true").registry
    assert (only.name, only.insecure) == ("default", True)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"REGISTRY__MAIN__URL": "r:5000"}, "REGSEARCH_REGISTRY__MAIN__URL: write a URL such as"),
        ({"REGISTRY__MAIN__USERNAME": "a"}, "REGSEARCH_REGISTRY__MAIN__URL: Field required"),
        (
            {"REGISTRY__MAIN__URL": "http://r", "REGISTRY__MAIN__MAX_IN_FLIGHT": "99"},
            "REGSEARCH_REGISTRY__MAIN__MAX_IN_FLIGHT: Input should be less than or equal to 32",
        ),
        (
            {"REGISTRY__MAIN__URLL": "http://r"},
            (
                "unknown environment variable REGSEARCH_REGISTRY__MAIN__URLL;"
                " did you mean REGSEARCH_REGISTRY__MAIN__URL?"
            ),
        ),
        ({"REGISTRY__MAIN": "http://r"}, "unknown environment variable REGSEARCH_REGISTRY__MAIN;"),
        ({"REGISTRY____URL": "http://r"}, "unknown environment variable REGSEARCH_REGISTRY____URL"),
        (
            {"REGISTRY": "http://a:1, http://b:2"},
            "REGSEARCH_REGISTRY: these are several URLs: write a [[registry]] table for each into",
        ),
        ({"LISTEN": "8080"}, "REGSEARCH_LISTEN: write HOST:PORT such as 0.0.0.0:8080"),
        ({"ACCESS__CHALLENGE": "perhaps"}, "REGSEARCH_ACCESS__CHALLENGE: Input should be a valid"),
    ],
)
def test_a_variable_that_does_not_fit_is_refused_by_its_name(
    refusal: Callable[..., str], variables: dict[str, str], said: str
) -> None:
    assert refusal(**variables).startswith(said)


def test_a_variable_is_named_although_there_is_a_file(refusal: Callable[..., str]) -> None:
    said = refusal(f'listen = "x"\n{REGISTRY}max_in_flight = 0', REGISTRY__DEFAULT__URL="x")
    assert [line.partition(":")[0] for line in said.splitlines()] == [
        "REGSEARCH_REGISTRY__DEFAULT__URL",
        "registry.0.max_in_flight",
        "listen",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_HOST", "10.0.0.1"),
        ("SERVICE_PORT", "8080"),
        ("SERVICE_PORT_HTTP", "8080"),
        ("PORT", "tcp://10.0.0.1:8080"),
        ("PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("PORT_8080_TCP_PROTO", "tcp"),
        ("PORT_8080_TCP_PORT", "8080"),
        ("PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("WEB_SERVICE_HOST", "10.0.0.1"),
        ("WEB_PORT", "tcp://10.0.0.1:8080"),
        ("WEB_PORT_8080_TCP_ADDR", "fd00::1"),
    ],
)
def test_what_kubernetes_says_of_a_service_with_our_name_is_passed_over(
    load: Load, name: str, value: str
) -> None:
    """Regression: a Service named regsearch ended every process."""
    assert load(**{name: value}) == load()


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "8080"), ("SERVICE", "x"), ("PORT_HTTP", "80"), ("HOST", "a")]
)
def test_what_kubernetes_never_says_is_refused(
    refusal: Callable[..., str], name: str, value: str
) -> None:
    assert refusal(**{name: value}).startswith(f"unknown environment variable REGSEARCH_{name}; ")


def test_all_interfaces_may_be_written_as_a_port(load: Load) -> None:
    assert load(LISTEN=":8080").address() == ("", 8080)


# Secrets in files


def test_webhook_secrets_are_read_from_files(load: Load, tmp_path: Path) -> None:
    for name in ("common", "before", "own"):
        (tmp_path / name).write_text(f"{name}-{SECRET}\n")
    settings = load(
        REGISTRY="https://r.example.org",
        REGISTRY__DEFAULT__WEBHOOK_SECRET_FILE=str(tmp_path / "own"),
        WEBHOOK_SECRET_FILE=str(tmp_path / "common"),
        PREVIOUS_WEBHOOK_SECRET_FILE=str(tmp_path / "before"),
    )
    assert settings.webhook_secret == f"common-{SECRET}"
    assert settings.previous_webhook_secret == f"before-{SECRET}"
    assert settings.registry[0].webhook_secret == f"own-{SECRET}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "webhook_secret_file: [Errno 2] No such file or directory"),
        (b" \n", "webhook_secret_file: "),
        (b"\xff", "webhook_secret_file: "),
        (b"short", "webhook_secret of all registries without one of their own has 5 characters"),
    ],
)
def test_a_file_without_a_usable_secret_is_named(
    refusal: Callable[..., str], tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    assert said in refusal(WEBHOOK_SECRET_FILE=str(tmp_path / "secret"))


NODES = """
engine = "opensearch"
opensearch_url = "http://node1:9200"
[[registry]]
name = "main"
url = "https://main"
[[registry]]
name = "eu"
url = "https://eu"
[[node]]
name = "a"
url = "http://a:8080"
registries = ["main"]
"""
NODE_B = '[[node]]\nname = "b"\nurl = "http://b:8080"\nregistries = ["eu"]\n'


def test_a_node_has_its_registries_alone_and_a_search_node_all(load: Load) -> None:
    def names(**environment: str) -> list[str]:
        return [one.name for one in load(NODES + NODE_B, **environment).registry]

    assert names() == ["main", "eu"]
    assert names(NODE_NAME="a") == ["main"]
    assert names(NODE_NAME="b") == ["eu"]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (NODES, "registry 'eu' belongs to no [[node]]: name it in one"),
        (NODES + NODE_B.replace("eu", "us"), "no registry is named 'us'; known are eu, main"),
        (NODES + NODE_B.replace('"eu"', '"eu", "main"'), "two nodes have registry 'main'"),
        (NODES + NODE_B.replace('"b"', '"a"'), "two nodes are named 'a'"),
        (f'node_name = "c"{NODES}{NODE_B}', "no [[node]] has that name; known are a, b"),
        ('node_name = "a"\n' + REGISTRY, "node_name is 'a', but there is no [[node]] table"),
        (NODES + NODE_B.replace("http://b", "b"), "write a URL such as http://indexer-a:8080"),
        (NODES + NODE_B.replace("registries", "registry"), "unknown setting"),
        (NODES.replace("opensearch", "whoosh", 1) + NODE_B, "[[node]] needs engine = 'opensearch'"),
    ],
)
def test_nodes_that_do_not_go_together_are_refused(
    refusal: Callable[..., str], file: str, message: str
) -> None:
    assert message in refusal(file)


def test_the_secret_of_the_nodes_is_read_from_its_file(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    settings = load(f'node_secret_file = "{file}"{NODES}{NODE_B}')
    with pytest.raises(SettingsError, match=r"node_secret_file .*No such file"):
        settings.shared_secret()
    file.write_text(f"{SECRET}\n")
    assert settings.shared_secret() == SECRET
    file.write_text("short")
    with pytest.raises(SettingsError, match="has 5 characters, and 16 are the least"):
        settings.shared_secret()
    with pytest.raises(SettingsError, match="needs a secret that all nodes share"):
        load(NODES + NODE_B).shared_secret()
    assert load(REGISTRY).shared_secret() == ""
