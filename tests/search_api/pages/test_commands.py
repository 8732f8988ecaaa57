"""Commands of a build as people wrote them."""

import pytest

from search_api.pages.commands import BuildCommand, command_lines, command_text, dockerfile


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'),
        ("#(nop) ENV A=b", "ENV A=b"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        ("RUN |2 A=1 B=two words /bin/sh -c make # buildkit", "RUN make"),
        ("|1 A=1 /bin/sh -c make", "RUN make"),
        ("RUN /bin/bash -o pipefail -c curl x | sh # buildkit", "RUN curl x | sh"),
        ("RUN /bin/ash -eo pipefail -c ls", "RUN ls"),
        ("COPY . /app # buildkit", "COPY . /app"),
        ("RUN make\t\tall\n", "RUN make all"),
        ("echo # buildkit is good", "echo # buildkit is good"),
        ("bazel build //:image", "bazel build //:image"),
        ("", ""),
    ],
)
def test_what_builders_add_is_not_shown(raw: str, text: str) -> None:
    assert command_text(raw) == text


def test_a_run_has_a_line_for_each_command() -> None:
    assert command_lines("RUN /bin/sh -c apt-get update && apt-get install -y curl; rm -r /x") == (
        "RUN apt-get update",
        "&& apt-get install -y curl;",
        "rm -r /x",
    )


@pytest.mark.parametrize(
    "text",
    [
        "RUN echo 'a && b; c'",
        'RUN echo "a \\" && b"',
        "RUN (cd x && make; make install)",
        "RUN echo $(a && b)",
        "RUN echo a \\&& b",
        "COPY a && b",
        "RUN find . -exec ls {} \\;",
    ],
)
def test_what_is_quoted_or_in_brackets_is_not_cut(text: str) -> None:
    assert command_lines(text) == (text,)


def test_a_case_keeps_its_ends() -> None:
    assert command_lines("RUN case x in a) b ;; c) d ;; esac") == (
        "RUN case x in a) b ;;",
        "c) d ;;",
        "esac",
    )


ODD = ["&&" * 4_000, ";" * 8_000, "'" * 8_000, "|1 " * 2_700, "/bin/sh -c " * 700]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_odd_command_is_read_at_once(odd: str) -> None:
    """An expression that tries all ways would not end."""
    assert "".join(command_lines(f"RUN {odd}"))


STEPS = [
    BuildCommand("/bin/sh -c #(nop) ADD file:1234 in / ", is_empty=False),
    BuildCommand('/bin/sh -c #(nop)  CMD ["bash" "-l"]', is_empty=True),
    BuildCommand("RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit", False),
    BuildCommand("EXPOSE map[8080/tcp:{} 443/tcp:{}]", is_empty=True),
    BuildCommand("VOLUME [/data /logs]", is_empty=True),
    BuildCommand('ENTRYPOINT ["/app/run" "--say=\\"a\\""]', is_empty=True),
    BuildCommand("bazel build ...", is_empty=False),
    BuildCommand("EXPOSE $PORT", is_empty=True),
    BuildCommand("", is_empty=True),
]


def test_a_dockerfile_is_made_of_the_history() -> None:
    assert dockerfile(STEPS) == (
        "# Reconstructed from the history of the image\n"
        "FROM scratch\n"
        "ADD file:1234 /\n"
        'CMD ["bash", "-l"]\n'
        "RUN apt-get update \\\n"
        "    && apt-get install -y curl\n"
        "EXPOSE 443/tcp 8080/tcp\n"
        "VOLUME /data /logs\n"
        'ENTRYPOINT ["/app/run", "--say=\\"a\\""]\n'
        "# bazel build ...\n"
        "EXPOSE $PORT\n"
    )


def test_the_steps_of_a_base_are_not_repeated() -> None:
    made = dockerfile(STEPS, base="base/debian:13-slim", base_layers=1)
    assert "FROM base/debian:13-slim\nCMD" in made
    assert "ADD" not in made
