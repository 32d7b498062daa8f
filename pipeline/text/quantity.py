"""Quantities in words: sizes, times, counts. Pure."""

KIB = 1024
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def format_bytes(num_bytes: int) -> str:
    """Return a size in the largest fitting 1024-based unit: "900 B", "55 KiB", "3.4 MiB"."""
    size = float(num_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if round(size) < KIB or unit == "GiB":
            break
        size /= KIB
    decimals = 1 if unit in ("MiB", "GiB") and size < 100 else 0  # noqa: PLR2004  # three digits
    return f"{size:.{decimals}f} {unit}"


def format_limit(num_bytes: int) -> str:
    """Return a limit as the person who set it wrote it: "4 GiB", "1.5 GiB", "200 MiB"."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if num_bytes >= KIB**power:
            return f"{num_bytes / KIB**power:.3g} {unit}"
    return f"{num_bytes} bytes"


def format_seconds(seconds: float) -> str:
    """Return a time: "0.4 s", "41 s", "2 min 13 s", "1 h 02 min"."""
    if seconds < 0.05:  # noqa: PLR2004  # would be rounded to 0
        return "<0.1 s"
    if round(seconds, 1) < 10:  # noqa: PLR2004  # two digits
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"


def format_milliseconds(milliseconds: float) -> str:
    """Return a short time: "3.2 ms", "1,204 ms"."""
    short = milliseconds < 10  # noqa: PLR2004  # as the pages write the times of their own
    return f"{milliseconds:.1f} ms" if short else f"{milliseconds:,.0f} ms"


def format_whole_seconds(seconds: float) -> str:
    """Return the time of something that runs, in whole seconds: "0 s", "41 s", "2 min 13 s"."""
    return f"{int(seconds)} s" if seconds < MINUTE else format_seconds(int(seconds))


def format_age(seconds: float) -> str:
    """Return how long ago something was: "41 s ago", "3 min ago", "5 h ago", "12 days ago"."""
    for size, unit in ((DAY, "day"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{count(number, unit) if unit == 'day' else f'{number} {unit}'} ago"
    return f"{int(seconds)} s ago"


def format_time_left(seconds: float) -> str:
    """Return an estimate, rounded as estimates are: "about 40 s left", "about 12 min left"."""
    if 5 * round(seconds / 5) < MINUTE:
        return f"about {max(5, 5 * round(seconds / 5))} s left"
    if round(seconds / MINUTE) < HOUR // MINUTE:
        return f"about {round(seconds / MINUTE)} min left"
    hours, minutes = divmod(5 * round(seconds / MINUTE / 5), 60)
    return f"about {hours} h {minutes:02d} min left"


def format_parameters(count: int) -> str:
    """Return a number of parameters to three digits at most: "980", "56.5 k", "3.41 M"."""
    size, unit = float(count), ""
    for larger in ("k", "M", "G"):
        if float(f"{size:.3g}") < 1000:  # noqa: PLR2004  # three digits
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}".rstrip()


def format_ratio(size: int, base: int) -> str:
    """Return a size in percent of another: "25%"; "<1%" and "99.6%" in place of 0 and 100."""
    percent = 100 * size / base
    if 0 < percent < 1:
        return "<1%"
    rounded = round(percent)
    return f"{rounded}%" if rounded != 100 or size == base else f"{percent:.1f}%"  # noqa: PLR2004  # percent


def count(number: int, noun: str) -> str:
    """Return a number with its noun: "1 model", "1,000 models"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
