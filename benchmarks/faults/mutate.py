"""Mutations: files with random faults, of their bytes, of their JSON or XML, of their text.

Each takes a `random.Random`, so that a seed says which file comes out. None opens a file.
"""

import copy
import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

# Numbers that lengths, counts and offsets of binary formats are unlikely to expect.
_WORDS = (b"\xff" * 4, b"\0" * 4, b"\x7f" + b"\xff" * 3, b"\x80\0\0\0", b"\xff" * 9 + b"\x01")
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, -0.5, 1e308, float("nan"), float("inf"),
    "", " ", "0", "-1", "x" * 5000, "\ud800", "\u202e", "\0", "../..", "/etc/passwd", "a/b\\c",
    "%s{0}\n\x1b[31m", "__proto__", "DT_FLOAT", "float32", [], {}, [[]], [None], [-1], {"": None},
)  # fmt: skip
_TOKENS = (
    b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"- ", b": ", b"? ", b"|\n", b">-\n",
    b"%YAML 9.9\n", b"---\n", b"...\n", b"\t", b"\r", b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80",
    b"\xc2\x85", b"\xe2\x80\xae", b"[", b"{", b"'", b'"', b"#", b"$(x)", b"`", b"\\", b"=", b"~",
    b"1e999", b"0x", b"0o8", b"-.inf", b".nan", b"9" * 5000, b"null", b"yes", b"--", b"\n",
)  # fmt: skip
_VALUES = (
    b"", b"0", b"1", b"-1", b"-7", b"2147483648", b"18446744073709551615", b"1e999", b"nan",
    b"1,,2", b"99999999999,99999999999,9", b"?", b"..5", b"f16", b"i4", b"string", b"dynamic",
    b"NOSUCH", b"opset99", b"&lt;", b"&bomb;", b"x" * 5000, b"\xff\xfe", b"../x",
    b"Result", b"If", b"Loop", b"Const", b"Parameter", b"Reshape", b"Convolution", b"true",
)  # fmt: skip
_VALUE = re.compile(rb'"[^"<]*"')
_ELEMENT = re.compile(
    rb"<(layer|edge|port|dim|data)\b[^<>]*/>|<(layer|dim|port)\b.*?</\2>", re.DOTALL
)
_NEST = 20_000
_CHUNK = 600


def mutate_bytes(content: bytes, random_: random.Random) -> bytes:
    """Return a content with a few bytes changed, removed, repeated, moved or cut off."""
    result = bytearray(content) or bytearray(b"\0")
    for _ in range(random_.randint(1, 4)):
        place, other = random_.randrange(len(result)), random_.randrange(len(result))
        length = random_.randint(1, _CHUNK)
        match random_.randrange(7):
            case 0:
                result[place] = random_.randrange(256)
            case 1:
                result[place] ^= 1 << random_.randrange(8)
            case 2:
                word = random_.choice(_WORDS)
                result[place : place + len(word)] = word
            case 3:
                del result[place : place + length]
            case 4:
                result[place:place] = result[other : other + length]
            case 5:
                result[place : place + 12] = result[other : other + 12]
            case 6:
                del result[place + random_.randint(0, 2000) :]
        if not result:
            return b"\0"
    return bytes(result)


def mutate_text(content: bytes, random_: random.Random) -> bytes:
    """Return a text with tokens of YAML and the shell put in, lines moved, bytes changed."""
    if random_.random() < 0.2:  # noqa: PLR2004  # one in five
        return mutate_bytes(content, random_)
    lines = content.splitlines(keepends=True)
    for _ in range(random_.randint(1, 3)):
        i, j = random_.randrange(len(lines)), random_.randrange(len(lines))
        at = random_.randint(0, len(lines[i]))
        match random_.randrange(5):
            case 0 | 1:
                lines[i] = lines[i][:at] + random_.choice(_TOKENS) + lines[i][at:]
            case 2:
                lines[i] = b" " * random_.randint(0, 6) + lines[i].lstrip()
            case 3:
                lines[i], lines[j] = lines[j], lines[i]
            case 4:
                lines.insert(i, lines[j])
    return b"".join(lines)


def mutate_json(content: bytes, random_: random.Random) -> bytes:
    """Return a JSON text with some values replaced, removed, moved, or its bytes changed."""
    if random_.random() < 0.15:  # noqa: PLR2004  # some are no JSON
        return mutate_bytes(content, random_)
    if random_.random() < 0.02:  # noqa: PLR2004  # one in fifty
        return random_.choice((b"[", b'{"a":')) * _NEST
    root = [json.loads(content)]
    for _ in range(random_.randint(1, 3)):
        _mutate_value(root, random_)
    return json.dumps(root[0]).encode()


def _mutate_value(root: list[Any], random_: random.Random) -> None:
    """Change one value somewhere below, chosen by a walk, so that the upper ones are met often."""
    holder: Any = root
    key: Any = 0
    while isinstance(holder[key], (dict, list)) and holder[key] and random_.random() < 0.85:  # noqa: PLR2004  # mostly deeper
        holder = holder[key]
        key = random_.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match random_.randrange(6):
        case 0 | 1 | 2:
            holder[key] = copy.deepcopy(random_.choice(_ODD))
        case 3 if isinstance(holder, dict):
            holder[random_.choice(("", "name", "\ud800", f"{key}x"))] = holder.pop(key)
        case 3 | 4 if holder is not root:
            del holder[key]
        case _:
            holder[key] = random_.choice(([holder[key]], {"a": holder[key]}, str(holder[key])))


def mutate_xml(content: bytes, random_: random.Random) -> bytes:
    """Return an XML text with values of attributes replaced, or elements moved or repeated."""
    if random_.random() < 0.2:  # noqa: PLR2004  # one in five
        return mutate_bytes(content, random_)
    for _ in range(random_.randint(1, 3)):
        found = list(_ELEMENT.finditer(content) if random_.random() < 0.3 else ())  # noqa: PLR2004  # some
        found = found or list(_VALUE.finditer(content))
        if not found:
            break
        one, other = random_.choice(found), random_.choice(found)
        new = other[0]
        if one.re is _VALUE and random_.random() < 0.6:  # noqa: PLR2004  # most of them
            new = b'"%s"' % random_.choice(_VALUES)
        elif one.re is _ELEMENT:
            new = random_.choice((b"", one[0] * 2, other[0]))
        content = content[: one.start()] + new + content[one.end() :]
    return content


def in_zip(member: str, mutation: Mutation) -> Mutation:
    """Return a mutation of one member of a zip, the others as they are."""

    def mutate(content: bytes, random_: random.Random) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(made, "w") as after:
            for name in before.namelist():
                body = before.read(name)
                after.writestr(name, mutation(body, random_) if name == member else body)
        return made.getvalue()

    return mutate


def any_of(*mutations: Mutation) -> Mutation:
    """Return a mutation that is one of these."""

    def mutate(content: bytes, random_: random.Random) -> bytes:
        return random_.choice(mutations)(content, random_)

    return mutate


def minimize(content: bytes, still_fails: Callable[[bytes], bool], *, tries: int) -> bytes:
    """Return a smaller content that fails alike, by removing ever smaller pieces.

    Args:
        content: It fails.
        still_fails: Tells whether another does.
        tries: How many others are tried at most.
    """
    size = max(1, len(content) // 2)
    while tries > 0:
        start = 0
        while start < len(content) and tries > 0:
            tries -= 1
            shorter = content[:start] + content[start + size :]
            if still_fails(shorter):
                content = shorter
            else:
                start += size
        if size == 1:
            return content
        size //= 2
    return content
