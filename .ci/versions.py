"""Write down the versions that were tried: constraints.txt, and the bounds in pyproject.toml.

`python .ci/versions.py` takes them from the environment that it runs in, which has
`.[test]` installed and passed the tests. constraints.txt gets each package as
`name==version`. pyproject.toml gets each as `name<=version`, those of an extra in the extra,
so that a plain `pip install` and a wheel's users get no version that nobody tried.
Written by hand is only why a version is needed at least, or must not be passed.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = "tfjs-zoo"
EXTRAS = ("s3", "gs", "hf", "kaggle", "openvino", "dask", "test")

_PYTHONS = ("3.11", "3.12")
_SYSTEMS = {
    "linux": {"platform_system": "Linux", "platform_machine": "x86_64"},
    "darwin": {"platform_system": "Darwin", "platform_machine": "arm64"},
}

# Which certificates are trusted is news, not code: held back, it ends in refused connections.
_NEVER_HELD_BACK = {"certifi"}

Place = tuple[str, str]
"""A Python and a system, as ("3.11", "linux")."""

PLACES = frozenset(product(_PYTHONS, _SYSTEMS))

_BLOCK = r"(?ms)^({} = \[\n(?:    .*?\n)*?    # No newer [^\n]*\n).*?^\]"


def main() -> None:
    """Write both files anew."""
    needed = {extra: find_needed(extra) for extra in ("", *EXTRAS)}
    constraints = ROOT / "constraints.txt"
    before = constraints.read_text().splitlines() if constraints.exists() else []
    # What only another Python or system needs stays as it was.
    versions = dict(line.split("==") for line in before)
    versions = {
        name: version
        for name in sorted(needed["test"])
        if (version := installed_version(name) or versions.get(name))
    }
    constraints.write_text("".join(f"{name}=={versions[name]}\n" for name in versions))
    path = ROOT / "pyproject.toml"
    path.write_text(bound(path.read_text(), needed, versions))


def find_needed(extra: str) -> dict[str, frozenset[Place]]:
    """Return each package that the project needs with an extra, and where it needs it."""
    needed: dict[str, frozenset[Place]] = {}
    seen: dict[tuple[str, str], frozenset[Place]] = {}
    waiting = [(PROJECT, key, PLACES) for key in {"", extra}]
    while waiting:
        name, of_extra, places = waiting.pop()
        if places <= seen.get((name, of_extra), frozenset()):
            continue
        seen[name, of_extra] = seen.get((name, of_extra), frozenset()) | places
        if name != PROJECT:
            needed[name] = needed.get(name, frozenset()) | places
        for requirement, where in _requirements(name, of_extra):
            key = canonicalize_name(requirement.name)
            waiting += [(key, asked, where & places) for asked in {"", *requirement.extras}]
    return {name: places for name, places in needed.items() if places}


def _requirements(name: str, extra: str) -> Iterator[tuple[Requirement, frozenset[Place]]]:
    """Yield what a package requires with an extra, and where."""
    try:
        lines = distribution(name).requires or ()
    except PackageNotFoundError:
        return
    for line in lines:
        requirement = Requirement(line)
        yield requirement, frozenset(place for place in PLACES if _holds(requirement, extra, place))


def _holds(requirement: Requirement, extra: str, place: Place) -> bool:
    python, system = place
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "extra": extra,
        **_SYSTEMS[system],
    }
    return requirement.marker is None or requirement.marker.evaluate(environment)


def installed_version(name: str) -> str | None:
    """Return the version of a package here, None where it is not installed."""
    try:
        return Version(distribution(name).version).public
    except PackageNotFoundError:
        return None


def bound(
    pyproject: str,
    needed: Mapping[str, Mapping[str, frozenset[Place]]],
    versions: Mapping[str, str],
) -> str:
    """Return pyproject.toml with each package bounded where it is first needed."""
    for extra in ("", *EXTRAS):
        # The base comes with each extra, and all of them come with the tests.
        others = EXTRAS[:-1] if extra == "test" else ()
        known = {name for other in ("", *others) if extra for name in needed[other]}
        lines = [
            f'    "{name}<={versions[name]}{_marker(places)}",\n'
            for name, places in sorted(needed[extra].items())
            if name in versions and name not in known | _NEVER_HELD_BACK
        ]
        block = re.compile(_BLOCK.format(extra or "dependencies"))
        pyproject, found = block.subn(
            lambda match, lines=lines: f"{match[1]}{''.join(lines)}]",  # type: ignore[misc]
            pyproject,
        )
        if found != 1:
            raise SystemExit(f"pyproject.toml: {extra or 'dependencies'}: no line '# No newer …'")
    return pyproject


def _marker(places: frozenset[Place]) -> str:
    """Return the marker of a package that only some places need, as "; python_version < '3.12'"."""
    pythons = {python for python, _ in places}
    systems = {system for _, system in places}
    if places != frozenset(product(pythons, systems)):
        return ""
    parts = [f"python_version == '{pythons.pop()}'"] if len(pythons) == 1 else []
    parts += [f"sys_platform == '{systems.pop()}'"] if len(systems) == 1 else []
    return f"; {' and '.join(parts)}" if parts else ""


if __name__ == "__main__":
    main()
