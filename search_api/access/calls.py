"""Several calls at the same time."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def gathered(calls: Iterable[Awaitable[Result]]) -> list[Result]:
    """Return the results of all calls, or raise the first error after the last has ended."""
    ended = await asyncio.gather(*calls, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return [one for one in ended if not isinstance(one, BaseException)]
