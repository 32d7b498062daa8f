"""Arguments of a command as they were given, where doit takes some of them for its own."""

from collections.abc import Collection, Sequence


def restore_arguments(
    name: str, arguments: Sequence[str], command_line: Sequence[str]
) -> list[str]:
    """Return arguments with those that doit took for variables: pypi:name==1.2.3.

    DoitMain.process_args sets aside whatever has a "=" and no "-" before it, for get_var().

    Args:
        name: The command.
        arguments: What doit gave it.
        command_line: sys.argv.
    """
    for i, word in enumerate(command_line):
        given = list(command_line[i + 1 :])
        rest = [text for text in given if text.startswith("-") or "=" not in text]
        if word == name and rest == list(arguments):
            return given
    return list(arguments)


def options_first(arguments: Sequence[str], *, with_value: Collection[str]) -> list[str]:
    """Return arguments with options before all else: doit looks for none after the first.

    Args:
        arguments: As they were given.
        with_value: Options that the next argument is the value of.
    """
    options: list[str] = []
    others: list[str] = []
    pending = list(arguments)
    while pending:
        word = pending.pop(0)
        if word == "--":
            others += pending
            break
        if not word.startswith("-") or word == "-":
            others.append(word)
            continue
        options.append(word)
        if word in with_value and pending:
            options.append(pending.pop(0))
    return [*options, "--", *others]
