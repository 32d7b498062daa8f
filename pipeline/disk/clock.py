"""Times in UTC, as every file of ours writes them: "2026-11-29T16:02:03Z".

The form is that of RFC 3339, to the second, always with the letter Z. Such texts sort as the
times do.
"""

from datetime import UTC, datetime

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def utc_now() -> str:
    """Return the time: "2026-11-29T16:02:03Z"."""
    return datetime.now(UTC).strftime(_FORMAT)


def parse_utc(text: str) -> datetime:
    """Read a time that `utc_now` wrote.

    Raises:
        ValueError: The text has another form: "2026-11-29".
    """
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
