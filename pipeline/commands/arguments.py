"""Arguments of a command as they were given, where doit takes some of them for its own."""

from collections.abc import Sequence


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
