"""License expressions: the SPDX names that tell people what they may do with a model.

The grammar is that of the SPDX specification 2.3, annex D: identifiers joined by AND, OR and WITH,
and parentheses; operators and identifiers in any case.

The package `license-expression` (30.4.4) could parse them, but importing it and reading its list
takes 65 ms, in each command that loads a manifest; this module takes less than 10 ms. It also
refuses `LicenseRef-NAME` and `Apache-2.0+`, which SPDX allows, and writes `GPL-2.0` as
`GPL-2.0-only`, which would change catalogs. It opens no file.
"""

import re

from pipeline.manifest.spdx_ids import EXCEPTIONS, LICENSES
from pipeline.text.suggest import did_you_mean, find_similar

_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")
_REFERENCE = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_JOINED = re.compile(r"[()+]|\b(AND|OR|WITH)\b|LicenseRef-", re.IGNORECASE)
_OPERATORS = ("AND", "OR", "WITH")
_APACHE = r"https?://www\.apache\.org/licenses/LICENSE-2\.0(\.txt|\.html)?"
_WORDINGS = [
    (re.compile(pattern, re.IGNORECASE), identifier)
    for pattern, identifier in {
        rf"((the )?apache( software)?( license)?[.,]?( v| version)? ?2(\.0)?,?)?( ?{_APACHE})?": (
            "Apache-2.0"
        ),
        r"(the )?mit licen[sc]e": "MIT",
        r"(the )?(new |modified )?bsd 3-clause( licen[sc]e)?": "BSD-3-Clause",
        r"https?://creativecommons\.org/licenses/by/4\.0/?": "CC-BY-4.0",
    }.items()
]
# As Ultralytics words it: AGPL-3.0 License, then an address in parentheses.
_AROUND = re.compile(r"(?P<name>\S+)( licen[sc]e)?( \(https?://[^\s()]+\))?", re.IGNORECASE)
_licenses = {identifier.lower(): identifier for identifier in sorted(LICENSES)}
_exceptions = {identifier.lower(): identifier for identifier in sorted(EXCEPTIONS)}


def parse_license(text: str) -> str:
    """Return a license expression in SPDX's own spelling: "MIT OR Apache-2.0".

    Raises:
        ValueError: The text is no expression, or has a license that SPDX does not list; the
            message is a sentence for the user.
    """
    if text.strip().lower() in _licenses:
        return _licenses[text.strip().lower()]
    if not _JOINED.search(text):
        raise ValueError(_unknown(text))
    words: list[str] = []
    depth = 0
    for raw in _TOKEN.findall(text):
        word = _parse_word(raw, text, after=words[-1] if words else "(")
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0:
            raise ValueError(f"{text!r} closes a parenthesis that was not opened")
        words.append(word)
    if not words or depth or words[-1] in {"(", *_OPERATORS}:
        raise ValueError(f"{text!r} ends too early for a license expression")
    return " ".join(words).replace("( ", "(").replace(" )", ")")


def find_license(text: str) -> str | None:
    """Return the license that a few words name: "Apache-2.0" for "Apache License, Version 2.0".

    None for words that name no license of SPDX's list for sure.
    """
    words = " ".join(text.split()).rstrip(".")
    if not words:
        return None
    for pattern, identifier in _WORDINGS:
        if pattern.fullmatch(words):
            return identifier
    around = _AROUND.fullmatch(words)
    try:
        return parse_license(around["name"] if around else words)
    except ValueError:
        return None


def _parse_word(raw: str, text: str, *, after: str) -> str:
    """Return a word as SPDX spells it; `after` is the word before it, "(" at the start."""
    operand_expected = after in {"(", *_OPERATORS}
    operator = raw.upper()
    if operator in _OPERATORS or raw == ")":
        second_exception = operator == "WITH" and after in {")", *EXCEPTIONS}
        if operand_expected or second_exception:
            raise ValueError(f"{text!r} has {raw!r} where a license is expected")
        return operator
    if not operand_expected:
        raise ValueError(_unknown(text))
    if after == "WITH":
        if raw.lower() not in _exceptions:
            raise ValueError(f"{raw!r} is no license exception that SPDX lists")
        return _exceptions[raw.lower()]
    if raw == "(":
        return raw
    if _REFERENCE.fullmatch(raw):
        return raw
    name = raw.removesuffix("+")
    if name.lower() not in _licenses:
        raise ValueError(_unknown(raw))
    return _licenses[name.lower()] + raw[len(name) :]


def _unknown(name: str) -> str:
    """Return the message for a name that is no license, with similar names of licenses."""
    message = f"{name!r} is no SPDX license expression"
    wanted = name.lower().replace(" license", "").strip().replace(" ", "-")
    family = [identifier for key, identifier in _licenses.items() if key.startswith(f"{wanted}-")]
    if family and wanted not in _licenses:
        members = ", ".join(sorted(sorted(family, key=len)[:4]))
        return f"{message}; SPDX tells apart {members} and others"
    similar = find_similar(wanted, _licenses, similarity=0.7)
    if similar:
        return message + did_you_mean([_licenses[similar[0]]])
    return (
        f"{message}; expected one such as MIT or Apache-2.0, or LicenseRef-NAME for terms that "
        "SPDX does not list; leave it out where it is unknown"
    )
