"""Restores arguments of a command that doit takes for its own."""

from collections.abc import Collection, Sequence


def restore_arguments(
    name: str, arguments: Sequence[str], command_line: Sequence[str]
) -> list[str]:
    """Return a command's arguments with those that doit took for variables: pypi:name==1.2.3.

    DoitMain.process_args takes each argument with a "=" and no "-" before it for get_var().

    Args:
        name: The command.
        arguments: The arguments that doit passed to it.
        command_line: sys.argv.
    """
    for i, word in enumerate(command_line):
        given = list(command_line[i + 1 :])
        rest = [text for text in given if text.startswith("-") or "=" not in text]
        if word == name and rest == list(arguments):
            return given
    return list(arguments)


def options_first(arguments: Sequence[str], *, with_value: Collection[str]) -> list[str]:
    """Return arguments with options first: doit looks for no options after the first argument.

    Args:
        arguments: The arguments in the order of the command line.
        with_value: Options whose value is the next argument.
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
