"""A command line of tensorflowjs_converter, read as its author meant it.

The converter's parser takes a `True` behind `--quantize_float16` for the name of a weight,
a path behind `--quantize_uint8` for a pattern, and any text behind `--strip_debug_ops` for
true. This reader takes them as their author meant them, and says so. It opens no file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.errors import CommandLineError
from pipeline.manifest.converter.converter_options import OPTIONS, Option
from pipeline.manifest.fault import closest
from pipeline.text.quantity import count

_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off", ""}
_NUM_PATHS = 2
# Of a size in bytes; Python refuses to read numbers of thousands of digits.
_MAX_DIGITS = 15


@dataclass(kw_only=True)
class CommandLine:
    """A command line that was read.

    Attributes:
        paths: Source and destination.
        values: Text of each given option, by name; None for an option without a value.
        remarks: Sentences about options that the converter would have read in another way.
    """

    paths: list[str] = field(default_factory=list)
    values: dict[str, str | None] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Word:
    """A word on the command line.

    Attributes:
        text: The word, or the part behind "=".
        option: The option that it belongs to; None for a path.
        swallowed: Whether it stood behind the option with a space between.
    """

    text: str | None
    option: Option | None
    swallowed: bool = False


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Read the arguments of one command.

    Raises:
        CommandLineError: An option is unknown or lacks its value, or a path is missing.
    """
    line = CommandLine()
    words = _give_back(list(_read_words(arguments)), line)
    for word in words:
        if word.option is None:
            line.paths.append(word.text or "")
        elif word.option.kind != "none":
            line.values[word.option.name] = _read_value(word, line)
    _drop_stray_booleans(line)
    if len(line.paths) != _NUM_PATHS:
        paths = ", ".join(map(repr, line.paths)) or "none"
        found = f"{count(len(line.paths), 'path')} ({paths})"
        raise CommandLineError(
            f"found {found}; expected a source and a destination",
            hint="put paths with spaces in quotes" if len(line.paths) > _NUM_PATHS else None,
        )
    return line


def _read_words(arguments: Sequence[str]) -> Iterator[_Word]:
    pending = list(arguments)
    while pending:
        argument = pending.pop(0)
        if argument in {"-v", "-h", "--help"}:
            raise CommandLineError(f"{argument} converts nothing")
        if not argument.startswith("--"):
            yield _Word(text=argument, option=None)
            continue
        name, equals, value = argument[2:].partition("=")
        option = _find_option(name)
        if equals:
            yield _Word(text=value, option=option)
        elif option.kind in {"switch", "none"}:
            yield _Word(text=None, option=option)
        elif pending and not pending[0].startswith("--"):
            yield _Word(text=pending.pop(0), option=option, swallowed=True)
        elif option.kind == "weights":
            yield _Word(text=None, option=option)
        else:
            raise CommandLineError(f"--{option.name}: expected a value")


def _find_option(name: str) -> Option:
    """Return the option of a name; the converter allows shortened names."""
    plain = name.replace("-", "_")
    if plain in OPTIONS:
        return OPTIONS[plain]
    begun = [option for option in OPTIONS.values() if option.name.startswith(plain)]
    if len(begun) == 1:
        return begun[0]
    meant = closest(plain, list(OPTIONS))
    raise CommandLineError(
        f"--{name}: the converter has no such option"
        + (f"; did you mean --{meant}?" if meant else "")
    )


def _give_back(words: list[_Word], line: CommandLine) -> list[_Word]:
    """Return the words, with paths that a quantization option swallowed as paths again."""
    missing = _NUM_PATHS - sum(word.option is None for word in words)
    given: list[_Word] = []
    for word in words:
        option = word.option
        if missing > 0 and option is not None and _has_path(word):
            missing -= 1
            line.remarks.append(
                f"--{option.name} {word.text}: the converter takes the path for a pattern of "
                "weights; read as a path, and every weight quantized"
            )
            given += [_Word(text=None, option=option), _Word(text=word.text, option=None)]
        else:
            given.append(word)
    return given


def _has_path(word: _Word) -> bool:
    """Say whether a quantization option has swallowed a path that stood behind it."""
    if word.option is None or word.option.kind != "weights" or not word.swallowed:
        return False
    text = word.text or ""
    return not re.search(r"[*,?\[]", text) and text.lower() not in _TRUE | _FALSE


def _read_value(word: _Word, line: CommandLine) -> str | None:
    option, text = word.option, word.text
    assert option is not None
    shown = f"--{option.name}{' ' if word.swallowed else '='}{text}"
    match option.kind:
        case "weights":
            return _read_weights(text, shown, line)
        case "boolean":
            return _read_boolean(text or "", shown, line)
        case "switch" if text is not None:
            line.remarks.append(f"{shown}: the converter refuses a value here")
            return "true" if text.lower() in _TRUE else "false"
        case "switch":
            return "true"
        case "number" if not (text or "").isdecimal() or len(text or "") > _MAX_DIGITS:
            raise CommandLineError(f"{shown}: expected a whole number")
        case _:
            return text


def _read_weights(text: str | None, shown: str, line: CommandLine) -> str:
    if text is None or text == "*":
        return "true"
    if text.lower() in _TRUE:
        line.remarks.append(
            f"{shown}: the converter takes this for the name of a weight, matches none and "
            "quantizes nothing; read as every weight"
        )
        return "true"
    if text.lower() in _FALSE:
        line.remarks.append(
            f"{shown}: the converter takes this for the name of a weight; read as no quantization"
        )
        return "false"
    return text


def _read_boolean(text: str, shown: str, line: CommandLine) -> str:
    if text.lower() in _TRUE:
        return "true"
    if text.lower() in _FALSE:
        if text:
            line.remarks.append(f"{shown}: for the converter this is true; read as false")
        return "false"
    raise CommandLineError(f"{shown}: expected true or false")


def _drop_stray_booleans(line: CommandLine) -> None:
    """Remove a `True` behind a switch from the paths; the converter takes it for a path."""
    while len(line.paths) > _NUM_PATHS:
        stray = next((path for path in line.paths if path.lower() in {"true", "false"}), None)
        if stray is None:
            return
        line.paths.remove(stray)
        line.remarks.append(f"{stray}: behind a switch the converter takes this for a path")
