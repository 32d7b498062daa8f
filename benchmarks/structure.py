"""What the `pipeline/` package is made of: one column for each checkout, one row for each measure.

    python benchmarks/structure.py [CHECKOUT ...]

prints a Markdown table, of this checkout if none is named. The files are parsed, never imported.

Code lines are all but blank lines, comments and docstrings. A function's lines are those from
`def` to its end, docstring included; methods and functions in functions count too. A room is a
direct subpackage of `pipeline` or a module that lies loose in it; a wing is a package deeper
down. An arrow leads from a room to another one that it imports, wherever the import stands.
Rooms are in a circle when each of them can be reached from each other one along arrows.
A word counts as a key where it is the whole of a string (in a subscript, or listed to become
one), as a name where it is the whole of an identifier, and else in strings that contain it.
"""

import argparse
import ast
import contextlib
import io
import re
import statistics
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

LONG_FUNCTION = 30
LONG_MODULE = 320
WORDS = ("signature_name", "tolerance")
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.DEDENT, tokenize.ENDMARKER}
NOQA = re.compile(r"#\s*(?:ruff:\s*)?noqa\b(?::[\s,]*(?:[A-Z]+[0-9]+[\s,]*)+)?(?P<rest>.*)")
LOOSE_MAPPING = re.compile(r"(\w+\.)*(dict|Mapping)\[\(?str, (\w+\.)*Any\)?\]")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A Python file: its path below `pipeline/`, its text, its statements and all its nodes."""

    path: PurePath
    text: str
    body: Sequence[ast.stmt]
    nodes: Sequence[ast.AST]

    @property
    def room(self) -> str:
        """The subpackage that it lies in, or its own name."""
        return self.path.with_suffix("").parts[0]


@dataclass(frozen=True)
class Measure:
    """One result: a row's title, the number, and the names of what was counted, if any."""

    title: str
    number: float
    names: Sequence[str] = ()

    @property
    def cell(self) -> str:
        """The text of its cell in the table."""
        return f"{self.number}: {', '.join(self.names)}" if self.names else str(self.number)


def read_modules(package: Path) -> list[Module]:
    """Return the modules below a folder, in the order of their paths."""
    modules = []
    for file in sorted(package.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        tree = ast.parse(text, str(file))
        nodes = list(ast.walk(tree))
        modules.append(Module(file.relative_to(package), text, tree.body, nodes))
    return modules


def is_text(node: ast.AST | None) -> bool:
    """Tell whether a node is a constant string."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def docstrings(module: Module) -> list[ast.expr]:
    """Return the strings that stand alone as statements."""
    return [n.value for n in module.nodes if isinstance(n, ast.Expr) and is_text(n.value)]


def tokens(module: Module) -> Iterator[tokenize.TokenInfo]:
    """Return the tokens of a module."""
    return tokenize.generate_tokens(io.StringIO(module.text).readline)


def count_lines(node: ast.expr | Function) -> int:
    """Count the lines from a node's start to its end."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def count_code_lines(module: Module) -> int:
    """Count the lines that are neither blank nor comment nor docstring."""
    code: set[int] = set()
    for token in tokens(module):
        if token.type not in LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    for text in docstrings(module):
        code.difference_update(range(text.lineno, text.lineno + count_lines(text)))
    lines = module.text.split("\n")
    return sum(bool(lines[number - 1].strip()) for number in code)


def measure_size(modules: Sequence[Module]) -> Iterator[Measure]:
    """Count files, lines and functions."""
    lines = [len(module.text.splitlines()) for module in modules]
    functions = [count_lines(n) for m in modules for n in m.nodes if isinstance(n, Function)]
    long = sum(number > LONG_FUNCTION for number in functions)
    yield Measure("Python files", len(modules))
    yield Measure("lines", sum(lines))
    yield Measure("code lines", sum(map(count_code_lines, modules)))
    yield Measure(f"modules over {LONG_MODULE} lines", sum(n > LONG_MODULE for n in lines))
    yield Measure("functions", len(functions))
    yield Measure(f"functions over {LONG_FUNCTION} lines", long)
    yield Measure("median function lines", statistics.median(functions or [0]))


def imported(module: Module) -> Iterator[Sequence[str]]:
    """Yield the parts of all that a module imports: `("pipeline", "fetch", "web", "name")`."""
    package = ("pipeline", *module.path.parent.parts)
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            within = node.module.split(".") if node.module else ()
            yield from ((*above, *within, alias.name) for alias in node.names)


def find_arrows(modules: Iterable[Module], rooms: set[str]) -> dict[str, set[str]]:
    """Return the other rooms that each room imports."""
    arrows: dict[str, set[str]] = {room: set() for room in rooms}
    for module in modules:
        for package, *below in imported(module):
            if package == "pipeline" and below and module.room in rooms:
                arrows[module.room].update(rooms.intersection(below[:1]) - {module.room})
    return arrows


def reach(start: str, arrows: Mapping[str, set[str]]) -> set[str]:
    """Return the rooms that arrows lead to from a room, in one step or more."""
    found: set[str] = set()
    waiting = set(arrows[start])
    while waiting:
        room = waiting.pop()
        found.add(room)
        waiting |= arrows[room] - found
    return found


def find_circles(arrows: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """Return the strongly connected rooms, each group in order."""
    reached = {room: reach(room, arrows) for room in arrows}
    groups = (
        tuple(sorted(other for other in reached[room] if room in reached[other])) for room in arrows
    )
    return sorted(set(groups) - {()})


def measure_rooms(modules: Sequence[Module]) -> Iterator[Measure]:
    """Count rooms and wings, arrows and circles, and the files of the fullest folder."""
    rooms = {module.room for module in modules} - {"__init__"}
    folders = Counter(module.path.parent for module in modules)
    packages = {folder.parts[0] for folder in folders if folder.parts}
    below = {above for folder in folders for above in (folder, *folder.parents)}
    arrows = find_arrows(modules, rooms)
    circles = find_circles(arrows)
    fullest, most = folders.most_common(1)[0]
    kinds = (f"{len(packages)} packages", f"{len(rooms - packages)} loose modules")
    yield Measure("rooms", len(rooms), kinds)
    yield Measure("wings", sum(len(folder.parts) > 1 for folder in below))
    yield Measure("arrows between rooms", sum(map(len, arrows.values())))
    yield Measure("rooms in a circle", sum(map(len, circles)), list(map(" ⇄ ".join, circles)))
    yield Measure("most Python files in one folder", most, [str("pipeline" / fullest)])


def measure_names(modules: Sequence[Module]) -> Iterator[Measure]:
    """Count the names of files, and of public classes and functions, that are taken twice."""
    stems = Counter(module.path.stem for module in modules)
    shared = sorted(stem for stem, times in stems.items() if times > 1 and stem != "__init__")
    homes: dict[str, set[PurePath]] = defaultdict(set)
    for module in modules:
        for node in module.body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(module.path)
    twice = sum(len(paths) > 1 for paths in homes.values())
    yield Measure("file names in more than one folder", len(shared), shared)
    yield Measure("public classes and functions named alike in more than one module", twice)


def annotations(module: Module) -> Iterator[ast.AST]:
    """Yield each node of each annotation; one that is in quotes is parsed."""
    for node in module.nodes:
        for field in ("annotation", "returns"):
            found = getattr(node, field, None)
            for part in ast.walk(found) if found is not None else ():
                yield part
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    with contextlib.suppress(SyntaxError):  # the value of a Literal
                        yield from ast.walk(ast.parse(part.value, mode="eval"))


def is_loose_mapping(node: ast.AST) -> bool:
    """Tell whether a node is `dict[str, Any]` or `Mapping[str, Any]`."""
    return isinstance(node, ast.Subscript) and bool(LOOSE_MAPPING.fullmatch(ast.unparse(node)))


def count_keyed_reads(module: Module) -> int:
    """Count the subscripts by a constant string that are read, those of types left out."""
    types = {id(node) for node in annotations(module)}
    return sum(
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and is_text(node.slice)
        and id(node) not in types
        and ast.unparse(node.value) not in {"Literal", "typing.Literal"}
        for node in module.nodes
    )


def count_bare_noqa(module: Module) -> int:
    """Count the comments that silence a rule and do not say why."""
    comments = (token.string for token in tokens(module) if token.type == tokenize.COMMENT)
    found = filter(None, map(NOQA.search, comments))
    return sum(not match["rest"].strip(" #\t") for match in found)


def passes_work_on(function: Function) -> bool:
    """Tell whether a function gives its parameter `work` to what it calls."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    given = [value for call in calls for value in (*call.args, *(k.value for k in call.keywords))]
    own = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    return "work" in own and any(isinstance(v, ast.Name) and v.id == "work" for v in given)


def measure_habits(modules: Sequence[Module]) -> Iterator[Measure]:
    """Count loose types, reads by key, silenced rules, and `work` handed down."""
    functions = [node for m in modules for node in m.nodes if isinstance(node, Function)]
    types = (node for module in modules for node in annotations(module))
    work = sum(isinstance(n, ast.arg) and n.arg == "work" for m in modules for n in m.nodes)
    yield Measure("`Mapping[str, Any]`, `dict[str, Any]`", sum(map(is_loose_mapping, types)))
    yield Measure('reads like `x["key"]`', sum(map(count_keyed_reads, modules)))
    yield Measure("`noqa` without a reason", sum(map(count_bare_noqa, modules)))
    yield Measure("parameters named `work`", work)
    yield Measure("functions that pass `work` on", sum(map(passes_work_on, functions)))


def uses(module: Module, word: str) -> Iterator[str]:
    """Yield how a word is used, once for each time: as key, as name, in another string."""
    apart = set(map(id, docstrings(module)))
    for node in module.nodes:
        if isinstance(node, ast.Constant):
            text = node.value if isinstance(node.value, str) and id(node) not in apart else ""
            if re.search(rf"\b{word}\b", text):
                yield "as key" if text == word else "in another string"
            continue
        for _, value in ast.iter_fields(node):
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str) and word in name.split("."):
                    yield "as name"


def measure_word(modules: Sequence[Module], word: str) -> Iterator[Measure]:
    """Count the files that use a word, and its uses."""
    found = [Counter(uses(module, word)) for module in modules]
    yield Measure(f"`{word}`, files", sum(map(bool, found)))
    for use in ("as key", "as name", "in another string"):
        yield Measure(f"`{word}`, {use}", sum(counter[use] for counter in found))


def measure(checkout: Path) -> list[Measure]:
    """Return the results of a checkout."""
    modules = read_modules(checkout / "pipeline")
    parts = (measure_size, measure_rooms, measure_names, measure_habits)
    words = (result for word in WORDS for result in measure_word(modules, word))
    return [*(result for part in parts for result in part(modules)), *words]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Count what the package pipeline/ is made of.")
    parser.add_argument("checkouts", metavar="CHECKOUT", nargs="*", type=Path)
    checkouts = parser.parse_args().checkouts or [Path(__file__).resolve().parents[1]]
    for checkout in checkouts:
        if not (checkout / "pipeline" / "__init__.py").is_file():
            parser.error(f"no package pipeline/ in {checkout}")
    print("|", " | ".join(["measure", *map(str, checkouts)]), "|")
    print("|", " | ".join(["---", *("---:" for _ in checkouts)]), "|")
    for row in zip(*map(measure, checkouts), strict=True):
        print("|", " | ".join([row[0].title, *(result.cell for result in row)]), "|")


if __name__ == "__main__":
    main()
