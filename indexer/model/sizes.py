"""Sizes in words, for readers on a terminal or a page."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_text(size_bytes: int | None) -> str:
    """Return a size in decimal units, as clients print it; ``None`` is unknown."""
    if size_bytes is None:
        return "unknown"
    value = float(size_bytes)
    for unit in _UNITS[:-1]:
        text = _number(value, has_tenths=unit != "B")
        if float(text) < 1_000:
            return f"{text} {unit}"
        value /= 1_000
    return f"{_number(value, has_tenths=True)} {_UNITS[-1]}"


def _number(value: float, *, has_tenths: bool) -> str:
    return f"{value:.1f}" if has_tenths and round(value, 1) < 10 else f"{value:.0f}"
