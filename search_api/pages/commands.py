"""Commands of a build as people wrote them, for display only. Pure.

Builders wrap commands in a shell and add remarks of their own: the JSON keeps them, the page does
not show them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_NO_OPERATION = re.compile(r"^(?:/bin/sh -c )?#\(nop\)\s*")
_REMARK = re.compile(r"\s*# buildkit\s*$")
_SHELL = re.compile(
    r"^(?:RUN )?(?:\|\d+ .*?)?/bin/(?:ba|a|da)?sh (?:-[a-zA-Z]+ (?:pipefail )?)*?-\w*c (?=\S)"
)
"""The shell before a command, with the build arguments that some builders write before it."""
_INSTRUCTION = re.compile(
    "^(?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL"
    "|STOPSIGNAL|USER|VOLUME|WORKDIR) "
)
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"')
_LIST = re.compile(rf"^\[(?:{_WORDS.pattern}\s*)*\]$")
_PORT = re.compile(r"(\d+/\w+)")
_SIGNS = re.compile(r"""[\\'"({)}]|&&|;;?""")
"""What begins and ends quotes and brackets, what ends a command, and what takes that from it."""
_NOTE = "# Reconstructed from the history of the image"


@dataclass(frozen=True, slots=True)
class BuildCommand:
    """A step of a build, as its builder wrote it; an empty step made no layer."""

    text: str
    is_empty: bool


def command_text(raw: str) -> str:
    """Return a command as one line, as it was written in a Dockerfile."""
    text = _NO_OPERATION.sub("", _REMARK.sub("", " ".join(raw.split())))
    return _SHELL.sub("RUN ", text, count=1)


def command_lines(raw: str) -> tuple[str, ...]:
    """Return a command with a line for each of the commands that its shell runs."""
    text = command_text(raw)
    if not text.startswith("RUN "):
        return (text,)
    cuts = [0, *_cuts(text), len(text)]
    lines = (text[start:end].strip() for start, end in pairwise(cuts))
    return tuple(line for line in lines if line)


def dockerfile(steps: Sequence[BuildCommand], *, base: str = "", base_layers: int = 0) -> str:
    """Return a Dockerfile that may have made an image; its base's steps are not repeated.

    ``base_layers`` is how many of the layers are the base's. Without a base, all steps are shown.
    """
    lines = [_NOTE, f"FROM {base or 'scratch'}"]
    layers = 0
    for step in steps:
        is_base = bool(base) and layers < base_layers
        layers += not step.is_empty
        if not is_base and step.text.strip():
            lines.append(_instruction(step.text))
    return "\n".join(lines) + "\n"


def _instruction(raw: str) -> str:
    """Return a step as an instruction, or as a remark if no Dockerfile could say it."""
    text = command_text(raw)
    found = _INSTRUCTION.match(text)
    if found is None:
        return f"# {text}"
    name, rest = found[0], text[found.end() :]
    if name == "RUN ":
        return " \\\n    ".join(command_lines(raw))
    if name == "EXPOSE ":
        return name + " ".join(sorted(_PORT.findall(rest)) or [rest])
    if name in {"ADD ", "COPY "}:
        return name + rest.replace(" in ", " ", 1)
    if name == "VOLUME " and rest.startswith("[") and '"' not in rest:
        return name + rest.strip("[]")
    # The history writes lists as Go does, without commas.
    return name + (f"[{', '.join(_WORDS.findall(rest))}]" if _LIST.match(rest) else rest)


def _cuts(text: str) -> Iterator[int]:
    """Yield where a line may begin: before ``&&`` and after ``;``, outside quotes and brackets."""
    quote, depth, place = "", 0, 0
    # Sign by sign: looking at each character takes most of the time of a page.
    while sign := _SIGNS.search(text, place):
        here, place = sign[0], sign.end()
        if here == "\\":
            place += quote != "'"
        elif quote:
            quote = "" if here == quote else quote
        elif here in "'\"":
            quote = here
        elif here in "({":
            depth += 1
        elif here in ")}":
            # The patterns of a case end with a bracket that none began.
            depth = max(0, depth - 1)
        elif depth == 0:
            yield sign.start() if here == "&&" else place
