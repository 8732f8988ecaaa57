"""The parts of ``docs/command-line.md`` that the code tells: ``python -m tests.command_reference``.

A test finds out whether they are up to date.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from search_api.cli.fields import CHANGE_FIELDS, RESULT_FIELDS
from search_api.cli.main import SECTIONS, commands

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"


def with_reference(page: str) -> str:
    """Return the page with its parts as the code has them now."""
    for name, lines in (("fields", _fields()), ("commands", _commands())):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text = "\n".join(lines)
        found = pattern.search(page)
        assert found, f"no part {name}"
        page = f"{page[: found.start()]}{begin}\n{text}\n\n{end}{page[found.end() :]}"
    return page


def _fields() -> Iterator[str]:
    yield "| of | fields, in any case |"
    yield "| --- | --- |"
    for what, fields in (("results", RESULT_FIELDS), ("changes", CHANGE_FIELDS)):
        yield f"| {what} | {', '.join(f'`{name}`' for name in fields.names)} |"


def _commands() -> Iterator[str]:
    named = [name for names in SECTIONS.values() for name in names]
    others = tuple(name for name in commands.commands if name not in named)
    sections = {**SECTIONS, **({"More": others} if others else {})}
    for number, (title, names) in enumerate(sections.items()):
        if number:
            yield ""
        yield f"### {title}"
        for name in (one for one in names if one in commands.commands):
            yield from _command(f"regsearch {name}", commands.commands[name])


def _command(path: str, command: click.Command) -> Iterator[str]:
    yield ""
    yield f"#### `{' '.join([path, *_arguments(command)])}`"
    yield ""
    yield " ".join((command.help or "").split())
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        yield ""
        yield "| option | meaning |"
        yield "| --- | --- |"
    for option in options:
        yield f"| {_name(option)} | {_meaning(option)} |"
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _command(f"{path} {name}", inner)


def _arguments(command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    for one in command.params:
        if isinstance(one, click.Argument):
            yield one.make_metavar(context)


def _name(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.is_flag:
        return names
    values = getattr(option.type, "choices", None)
    kind = "NUMBER" if isinstance(option.type, click.IntRange) else option.type.name.upper()
    value = option.metavar or ("|".join(values) if values else kind)
    # A table has its own use for this sign.
    return f"{names} `{value}`".replace("|", "\\|")


def _meaning(option: click.Option) -> str:
    text = " ".join((option.help or "").split()).replace("|", "\\|")
    shows = isinstance(option.default, str | int) and option.default and not option.is_flag
    return f"{text} Default: `{option.default}`." if shows else text


if __name__ == "__main__":
    PAGE.write_text(with_reference(PAGE.read_text()))
