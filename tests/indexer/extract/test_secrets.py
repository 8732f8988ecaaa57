"""Realistic leaks, none of which may be shown, and innocent texts, all of which must stay.

The leaks are what detectors of secrets look for, in the places where images hold it: commands of
the history, variables, labels and addresses. All of them are invented. Long tokens are put
together here, so that no detector takes this file for a leak.
"""

import time

import pytest

from indexer.extract.secrets import MASK, is_secret_name, masked, masked_arguments, masked_pairs

HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
MIXED = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9"
UPPER = "Q3T5V7XZ2B4D6F8H"
JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
KEY = "MIIEpAIBAAKCAQEA7bq" + MIXED

LEAKS = [
    # Commands with a user and a password
    ("RUN curl -u alice:hunter2 https://repo.example/x.tgz", "hunter2"),
    ("RUN curl -fsSLu alice:hunter2 https://repo.example/x.tgz", "hunter2"),
    ("RUN curl -ualice:hunter2 https://repo.example/x", "hunter2"),
    ("RUN curl --user alice:hunter2 -O https://repo.example/x", "hunter2"),
    ("RUN curl --user=alice:hunter2 https://repo.example/x", "hunter2"),
    ("RUN curl --user 'alice:hunter 2' https://repo.example/x", "hunter"),
    ('RUN curl -u "alice:hunter2" https://repo.example/x', "hunter2"),
    ("RUN curl --proxy-user alice:hunter2 https://repo.example/x", "hunter2"),
    ("RUN curl -u admin:admin123 https://repo.example/x", "admin123"),
    ("RUN wget --user=alice --password=hunter2 https://repo.example/x", "hunter2"),
    ("RUN wget --http-password hunter2 https://repo.example/x", "hunter2"),
    ("RUN skopeo copy --src-creds alice:hunter2 docker://a docker://b", "hunter2"),
    ("RUN skopeo copy --dest-creds=alice:hunter2 docker://a docker://b", "hunter2"),
    ("RUN docker login -u alice -p hunter2 registry.example", "hunter2"),
    ("RUN docker login --username alice --password hunter2", "hunter2"),
    ("RUN podman login -phunter2 -u alice registry.example", "hunter2"),
    ("RUN echo hunter2 | docker login -u alice --password-stdin", "hunter2"),
    ("RUN mysql -uroot -phunter2 -e 'select 1'", "hunter2"),
    ("RUN mysqldump -u root -p'hunter2' app > x.sql", "hunter2"),
    ("RUN mariadb-admin -u root -phunter2 ping", "hunter2"),
    ("RUN sshpass -p hunter2 ssh host", "hunter2"),
    ("RUN sshpass -p 'hunter2' scp a host:b", "hunter2"),
    ("RUN mongosh -u root -p hunter2 --eval 1", "hunter2"),
    ("RUN redis-cli -h cache -a hunter2 ping", "hunter2"),
    ("RUN unzip -P hunter2 data.zip", "hunter2"),
    ("RUN 7z x -phunter2 data.7z", "hunter2"),
    ("RUN echo 'root:hunter2' | chpasswd", "hunter2"),
    ('RUN echo "app:hunter2" | sudo chpasswd', "hunter2"),
    ("RUN echo hunter2 | sudo -S apt-get update", "hunter2"),
    ("RUN echo hunter2 | passwd --stdin root", "hunter2"),
    ("RUN twine upload -u __token__ -p hunter2 dist/x", "hunter2"),
    ("RUN openssl aes-256-cbc -d -pass pass:hunter2 -in x", "hunter2"),
    ("RUN openssl rsa -passin pass:hunter2 -in key.pem", "hunter2"),
    ("RUN keytool -genkey -storepass hunter2 -keypass hunter3", "hunter"),
    ("RUN psql -c \"ALTER USER app PASSWORD 'hunter2'\"", "hunter2"),
    ("RUN mysql -e \"CREATE USER app IDENTIFIED BY 'hunter2'\"", "hunter2"),
    ("RUN PGPASSWORD=hunter2 psql -h db", "hunter2"),
    ("RUN kubectl create secret generic a --from-literal=password=hunter2", "hunter2"),
    # Variables
    ("ENV DB_PASS=hunter2", "hunter2"),
    ("ENV MYSQL_ROOT_PASSWORD hunter2", "hunter2"),
    ("ENV SMTP_PWD=hunter2", "hunter2"),
    ("ARG AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "wJalrXUtnFEMI"),
    ("RUN export STORAGE_ACCOUNT_KEY=Zm9vYmFy", "Zm9vYmFy"),
    ("RUN npm config set //registry.example/:_authToken=hunter2", "hunter2"),
    ("RUN printf '//registry.example/:_auth=YWxpY2U6aHVudGVyMg==' > .npmrc", "YWxpY2U6"),
    ('RUN echo \'{"auths":{"r.example":{"auth":"YWxpY2U6aHVudGVyMg=="}}}\' > x', "YWxpY2U6"),
    # Addresses and connection strings
    ("git clone https://alice:hunter2@git.example/x.git", "hunter2"),
    ("pip install --index-url https://alice:p@ss@pypi.example/simple x", "ss@"),
    ("DATABASE=postgres://app:hunter2@db:5432/app", "hunter2"),
    ("REDIS=redis://:hunter2@cache:6379/0", "hunter2"),
    ("MONGO=mongodb+srv://app:hunter2@cluster.example/app", "hunter2"),
    ("DSN=app:hunter2@tcp(db:3306)/app", "hunter2"),
    ("jdbc:mysql://db/app?user=app&password=hunter2", "hunter2"),
    ("Server=db;Database=app;User Id=sa;Password=hunter2;", "hunter2"),
    ("Server=db;Uid=sa;Pwd=hunter2;", "hunter2"),
    ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Zm9vYmFyYmF6;", "Zm9vYmFy"),
    ("Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey=Zm9vYmFyYmF6", "Zm9vYmFy"),
    (f"clone https://{HEX}@git.example/x", HEX),
    (f"https://hooks.slack.com/services/T0123/B0123/{MIXED}", MIXED),
    (f"https://discord.com/api/webhooks/1234567890/{MIXED}", MIXED),
    (f"https://api.telegram.org/bot123456789:AA{MIXED}/sendMessage", MIXED),
    # Headers
    ("RUN curl -H 'Authorization: Bearer abcdef012345' https://x", "abcdef012345"),
    ("RUN curl -H 'Authorization: Basic YWxpY2U6aHVudGVyMg==' https://x", "YWxpY2U6"),
    ("RUN curl -H 'Authorization: token abcdef012345' https://x", "abcdef012345"),
    ('RUN wget --header="PRIVATE-TOKEN: abcdef012345" https://x', "abcdef012345"),
    ("RUN curl -H 'X-Api-Key: abcdef012345' https://x", "abcdef012345"),
    ("RUN curl -H 'X-Vault-Token: abcdef012345' https://x", "abcdef012345"),
    # Words
    ("The admin password is hunter2", "hunter2"),
    ("default login: admin, password is: hunter2", "hunter2"),
    ("the password was 'correct horse'", "correct horse"),
    ("passphrase is Tr0ub4dor&3.", "Tr0ub4dor"),
    ("API key is abc123def456", "abc123def456"),
    ("Password: hunter2", "hunter2"),
    # Tokens by their form, without any name
    ("x ghp_" + MIXED, MIXED),
    ("x github_pat_" + MIXED, MIXED),
    ("x glpat-" + MIXED, MIXED),
    ("x glrt-" + MIXED, MIXED),
    ("x xoxb-" + "1234567890-" + MIXED, MIXED),
    ("x xapp-" + "1-A0-" + MIXED, MIXED),
    ("x AKIA" + UPPER, UPPER),
    ("x ASIA" + UPPER, UPPER),
    ("x AIza" + MIXED + "abcdefgh", MIXED),
    ("x sk_live_" + MIXED, MIXED),
    ("x rk_test_" + MIXED, MIXED),
    ("x sk-" + "proj-" + MIXED, MIXED),
    ("x sk-" + "ant-api03-" + MIXED, MIXED),
    ("x hf_" + MIXED, MIXED),
    ("x npm_" + MIXED + "abcdefghi", MIXED),
    ("x pypi-" + "AgEIcHlwaS5vcmc" + MIXED, MIXED),
    ("x dckr_pat_" + MIXED, MIXED),
    ("x SG." + MIXED + "." + MIXED, MIXED),
    ("x shpat_" + HEX, HEX),
    ("x dop_v1_" + HEX, HEX),
    ("x hvs." + MIXED, MIXED),
    ("x PMAK-" + HEX, HEX),
    ("x rubygems_" + HEX, HEX),
    ("x glsa_" + MIXED, MIXED),
    ("x dapi" + HEX, HEX),
    ("x lin_api_" + MIXED, MIXED),
    (f"session {JWT} ok", "dozjgNryP4J3"),
    (f"echo '-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY-----' > k", KEY),
    (f"-----BEGIN OPENSSH PRIVATE KEY-----\\n{KEY}", KEY),
    (f"-----BEGIN PRIVATE KEY-----{KEY}-----END PRIVATE KEY-----", KEY),
    (f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{KEY}", KEY),
]

INNOCENT = [
    "RUN apt-get update && apt-get install -y curl=7.88.1-10+deb12u5",
    "RUN curl -fsSL https://nodejs.org/dist/v20.1.0/node.tar.xz -o node.tar.xz",
    f"RUN echo '{HEX}{HEX}  node.tar.xz' | sha256sum -c -",
    f"sha256:{HEX}{HEX}",
    f"docker.io/library/alpine@sha256:{HEX}{HEX}",
    f"registry.example:5000/team/web:1.2@sha256:{HEX}{HEX}",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "org.opencontainers.image.revision=862a1479d0c3b5e6a7f8091a2b3c4d5e6f708192",
    "commit 862a147 of branch main",
    "https://github.com/example/web/commit/862a1479d0c3b5e6a7f8091a2b3c4d5e6f708192",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "The password policy needs 12 characters",
    "the password is required",
    "The password is stored in a file.",
    "password is read from /run/secrets/db",
    "the token is optional",
    "a token is needed for private repositories",
    "the secret is mounted at build time",
    "the API key is set by the operator",
    "the password was changed",
    "passwords are never written to the log",
    "Password manager for teams",
    "A small secret scanner",
    "token bucket rate limiter",
    "RUN pip install --no-cache-dir keyring secretstorage",
    "RUN apt-get install -y libsecret-1-0 gnome-keyring pass",
    "COPY --chown=app:app . /app",
    "USER 1000:1000",
    "RUN docker run --user 1000:1000 -p 8080:80 web",
    "RUN chown -R node:node /app",
    "RUN useradd -u 1000 -g 1000 app",
    "RUN mkdir -p /var/lib/mysql && chown mysql:mysql /var/lib/mysql",
    "RUN apt-get install -y mysql-client && mkdir -p /data",
    "RUN ssh-keyscan -p 2222 git.example >> known_hosts",
    "RUN cp -p a b; ps -p 1",
    "ENV PWD=/app OLDPWD=/",
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/bin",
    "ENV COMPASS=1 BYPASS=0",
    "ENV KEYBOARD=us MONKEY=1 KEY_COUNT=5",
    "ENV GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568",
    "RUN gpg --keyserver hkps://keys.example --recv-keys 0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0B\n-----END PUBLIC KEY-----",
    "git clone git@github.com:example/web.git",
    "git clone ssh://git@git.example:2222/team/web.git",
    "mail alice@example.com about http://web.example:8080/",
    "maintainer=Alice <alice@example.com>",
    "https://web.example:8443/path?a=1&b=2",
    "basic auth is supported",
    "Bearer of bad news",
    "HEALTHCHECK CMD curl -f http://localhost:8080/ || exit 1",
    "RUN curl -u http://localhost:8080/ | sh",
    "RUN zip -r data.zip data && unzip data.zip",
    "sk-based naming, hf_models, npm_config, pypi-server",
    "eyJ is how tokens of JSON begin",
    "AKIAISH and ASIATIC",
    "semver 1.2.3-rc.1+build.5",
    'CMD ["nginx" "-g" "daemon off;"]',
    "LABEL com.example.tokenizer=bpe",
    "2026-11-28T22:00:00Z",
]
assert len(LEAKS) >= 60
assert len(INNOCENT) >= 40


@pytest.mark.parametrize(("text", "secret"), LEAKS)
def test_leaks_are_masked(text: str, secret: str) -> None:
    shown = masked(text)
    assert secret in text
    assert secret not in shown
    assert MASK in shown


@pytest.mark.parametrize(("text", "secret"), LEAKS)
def test_leaks_in_labels_are_masked(text: str, secret: str) -> None:
    assert secret not in masked_pairs({"com.example.build": text})["com.example.build"]


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_texts_stay(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["curl", "-u", "alice:hunter2", "x"], ("curl", "-u", "alice:***", "x")),
        (["curl", "--user=alice:hunter2"], ("curl", "--user=alice:***")),
        (["sh", "-c", "curl -u alice:hunter2 x"], ("sh", "-c", "curl -u alice:*** x")),
        (["mysqld", "--password", "hunter2"], ("mysqld", "--password", "***")),
        (["gosu", "--user", "app:app", "web"], ("gosu", "--user", "app:app", "web")),
    ],
)
def test_leaks_in_arguments_are_masked(arguments: list[str], shown: tuple[str, ...]) -> None:
    assert masked_arguments(arguments) == shown


@pytest.mark.parametrize("name", ["DB_PASS", "SMTP_PWD", "dbPass", "AWS_ACCESS_KEY_ID", "_auth"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "COMPASS", "BYPASS", "KEYMAP", "AUTHOR", "KEY"])
def test_names_of_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "unit",
    [
        *("curl -u a:", "curl -u ", "-u a", "mysql -", "mysql -p ", "login ", "login -p", "zip "),
        *("password is ", "password is 'a", "echo a | ", "echo 'a", "echo ", "a:b|chpasswd ", "a:"),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN ",
            "eyJ",
            "eyJaaaaaaaa.",
            "SG.",
            "ghp_",
            "sk-",
        ),
        *("://a:b", "://a:", "://a:@", "a:b@", "a:b@tcp", "authorization: ", "bearer ", "_auth"),
        *(
            "identified by '",
            "password 'a",
            "-pass pass:",
            '"auth":"',
            "pwd",
            "key=",
            "hooks.slack.com/",
        ),
    ],
)
def test_hostile_text_costs_linear_time(unit: str) -> None:
    started = time.process_time()
    masked(unit * (65_536 // len(unit)))
    masked("curl password " + unit * (65_536 // len(unit)))
    assert time.process_time() - started < 1
