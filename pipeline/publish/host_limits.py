"""Limits of GitHub Pages: the size of a file and of a site. It opens no file.

https://docs.github.com/en/pages/getting-started-with-github-pages/github-pages-limits
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from pipeline.text.quantity import format_bytes
from pipeline.text.suggest import list_first

# Of a file in a repository, and of a site as a whole.
MAX_FILE_BYTES = 100 * 1024**2
MAX_SITE_BYTES = 1024**3
_NUM_SHOWN = 3


def is_github_pages(url: str | None) -> bool:
    """Say whether a URL is one of GitHub Pages under its own domain."""
    host = urlsplit(url).hostname if url else None
    return host is not None and host.endswith(".github.io")


def find_excesses(sizes: Mapping[str, int]) -> list[str]:
    """Return a sentence for each limit that a zoo exceeds.

    Args:
        sizes: Size of every file, by path.
    """
    found = []
    large = sorted(path for path, size in sizes.items() if size > MAX_FILE_BYTES)
    if large:
        named = [f"{path} ({format_bytes(sizes[path])})" for path in large]
        found.append(
            f"GitHub Pages refuses files of more than 100 MiB: {list_first(named, _NUM_SHOWN)}; "
            "a smaller weight_shard_size_bytes splits them"
        )
    total = sum(sizes.values())
    if total > MAX_SITE_BYTES:
        found.append(
            f"GitHub Pages refuses sites of more than 1 GiB: this one has {format_bytes(total)}; "
            "`--prune` drops earlier generations, `publish_base: false` a model's base"
        )
    return found
