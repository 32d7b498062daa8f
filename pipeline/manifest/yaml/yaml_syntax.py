"""Messages for YAML that cannot be read, with a hint at the repair. It opens no file."""

import re

import yaml

from pipeline.manifest.fault import Fault

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""The ends of lines in YAML 1.1."""

_EXCERPT_MAX = 100

_COLUMN = "this does not fit what is around it"
_LIST = "a list cannot begin on the line of its key"

# Parts of the parsers' messages (libyaml's and PyYAML's own), and our messages.
_SENTENCES = {
    "scanning an alias": "'*' begins an alias; a pattern is written in quotes: '*/weights'",
    "scanning a tag": "'!' begins a tag; a text that begins with it is written in quotes",
    "scanning an anchor": "'&' begins an anchor; a text that begins with it is written in quotes",
    "mapping values are not allowed": "a key is not expected here; is this line, or the one "
    "before it, indented wrongly?",
    "sequence entries are not allowed": f"{_LIST}; write [a, b], or begin the next line with '- '",
    "did not find expected key": f"{_COLUMN}; keys of one mapping begin in one column, and a text "
    "with quotes in it is written in the other kind of quotes",
    "did not find expected '-' indicator": f"{_COLUMN}; entries of one list begin with '- ' in "
    "one column, and the fields of one entry in one column",
    "expected <block end>": f"{_COLUMN}; entries of one list or mapping begin in one column",
    "expected ',' or ']'": "expected ',' or ']' to go on with the list",
    "expected ',' or '}'": "expected ',' or '}' to go on with the mapping",
    "could not find expected ':'": "a key without a value; expected 'key: value'",
    "found unexpected ':'": "a text with ':' at its end is written in quotes",
    "comment or line break": "a text after '|' or '>' begins on the next line",
    "unknown escape character": "'\\' begins an escape in double quotes; use single quotes",
    "undefined tag handle": "a text that begins with '!' is written in quotes",
    "<document start>": "this is indented less than the first line",
    "node content": "a bracket closes here that was not opened, or a value is missing",
    "incompatible YAML document": "this version of YAML is not known; remove the %YAML line",
}


def syntax_fault(error: yaml.MarkedYAMLError, text: str) -> Fault:
    """Turn an error of the parser into a fault that shows the line."""
    problem, context = error.problem or "", error.context or ""
    mark = error.problem_mark or error.context_mark
    never_closed = "quoted scalar" in context and "escape" not in problem
    if (never_closed or "simple key" in context) and error.context_mark:
        mark = error.context_mark
    lines = LINE_BREAK.split(text)
    line = min(mark.line, len(lines) - 1) if mark else 0
    column = min(mark.column, len(lines[line])) if mark else 0
    message = "this quote is never closed"
    if not never_closed:
        message = _sentence(problem, context, lines[line], column)
    if "expected ',' or" in problem and error.context_mark:
        message += f" that begins in line {error.context_mark.line + 1}"
    return Fault(
        line=line + 1,
        column=column + 1,
        path=(),
        message=message,
        excerpt=show_line(lines[line], column),
    )


def show_line(line: str, column: int) -> str:
    """Return a line of the file with a caret below one of its characters."""
    start = max(0, column - _EXCERPT_MAX // 2)
    part = line[start : start + _EXCERPT_MAX]
    indent = "".join("\t" if char == "\t" else " " for char in part[: column - start])
    return f"    {part}\n    {indent}^"


def _sentence(problem: str, context: str, line: str, column: int) -> str:
    indent, found = line[:column], line[column : column + 1]
    if "tab character" in problem or ("\t" in indent + found and not indent.strip()):
        return "a tab; YAML is indented with spaces"
    if "cannot start any token" in problem:
        return f"a text that begins with {found!r} is written in quotes"
    if "mapping values are not allowed" in problem and ": " in indent:
        return "a second ':' in one line; a text with ': ' in it is written in quotes"
    for part, sentence in _SENTENCES.items():
        if part in problem or part in context:
            return sentence
    return f"this is no YAML: {problem}" + (f", {context}" if context else "")
