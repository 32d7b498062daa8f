"""License texts: which license a file beside a model is the text of.

The package `identify` compares it with the texts of common licenses. Blanks and the lines of
copyright do not count, and one character in twenty may differ: what is found is a suggestion for
somebody who reads the file.
"""

import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_NAMES = (
    *("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENSE.rst", "LICENCE", "LICENCE.txt"),
    *("license", "license.txt", "License.txt", "COPYING", "COPYING.txt"),
)
# "identify" has them by their names before SPDX told "only" and "or later" apart.
_GNU = re.compile(r"(A|L)?GPL-\d\.\d")


@dataclass(frozen=True, kw_only=True)
class LicenseText:
    """A file that is the text of a license, or nearly.

    Attributes:
        license: SPDX identifier.
        path: The file.
    """

    license: str
    path: str


def find_license_text(
    read: Callable[[str], bytes | None], folders: Iterable[str]
) -> LicenseText | None:
    """Return the first text of a license in some folders.

    Args:
        read: Returns the content of a small file by its path, None if there is none.
        folders: The folders, "" for the root; the nearest to the model first.
    """
    for folder in dict.fromkeys(folders):
        for name in _NAMES:
            path = f"{folder}/{name}" if folder else name
            content = read(path)
            found = recognize_license(content) if content else None
            if found:
                return LicenseText(license=found, path=path)
    return None


def recognize_license(content: bytes) -> str | None:
    """Return the license whose text a file has: "MIT"; None if it is none, or several.

    The text of a GNU license leaves open if later versions may be taken: "GPL-3.0-only" or
    "GPL-3.0-or-later". The stricter one is returned.
    """
    from identify.identify import license_id  # noqa: PLC0415  # it takes 20 ms

    with tempfile.NamedTemporaryFile() as file:
        file.write(content.decode("utf-8", "replace").encode())
        file.flush()
        found = license_id(str(Path(file.name)))
    return f"{found}-only" if found and _GNU.fullmatch(found) else found
