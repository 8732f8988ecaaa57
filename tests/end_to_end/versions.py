"""The versions of the distribution registry, for the tests that run on each of them."""

import pytest

from tests.end_to_end.real_registry import DISTRIBUTION_2, DISTRIBUTION_3
from tests.series import series

_PROGRAMS = {"2.8": DISTRIBUTION_2, "3.1": DISTRIBUTION_3}


def on(*versions: str) -> pytest.MarkDecorator:
    """Run a test on these versions, before a commit on the first alone.

    Without this mark it runs on Debian's.
    """
    programs = series([_PROGRAMS[version] for version in versions], short=1)
    return pytest.mark.parametrize("registry_program", programs, ids=versions, indirect=True)


on_both = on(*_PROGRAMS)
