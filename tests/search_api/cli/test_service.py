"""The processes that the command line runs: how they end."""

import signal

from search_api.cli.service import sigterm_later


def test_a_signal_to_end_waits_for_what_is_half_started() -> None:
    """Regression: a search process that was being started wrote a traceback."""
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        with sigterm_later():
            signal.raise_signal(signal.SIGTERM)
            assert came == []
        assert came == [signal.SIGTERM]
        with sigterm_later():
            pass
        assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
