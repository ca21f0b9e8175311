"""The rules of the house as functions: each reads one module and says, a sentence each with file and line, what breaks the rule."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PACKAGE", "RULES", "Module", "function_lengths", "modules"]

PACKAGE = "torn_pipeline"
ROOT = Path(__file__).parents[2]
LONGEST_FUNCTION = 60

LAYERS = (
    "errors",
    "redaction",
    "durable",
    "correlation",
    "settings",
    "config",
    "tables",
    "plan",
    "landing",
    "torn",
    "quality",
    "warehouse",
    "alerts",
    "ops",
    "steps",
    "checks",
    "resources",
    "assets",
    "automation",
    "definitions",
    "cli",
    "__main__",
)
"""Each imports only those before it. The simulator stands beside them all."""

DAGSTER_SIDE = frozenset({"checks", "resources", "assets", "automation", "definitions"})
SIMULATOR = "simulator"
MAY_IMPORT_THE_SIMULATOR = frozenset({SIMULATOR, "cli"})
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")  # in two parts, so that this line is none itself


@dataclass(frozen=True)
class Module:
    """One module of the package: its dotted name, its file for people, and its source."""

    name: str
    file: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.source)

    @property
    def layer(self) -> str:
        """Its package or module directly below ours; the package's own ``__init__`` has none."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""

    @property
    def is_package(self) -> bool:
        """Whether it is a package's ``__init__``."""
        return self.file.endswith("__init__.py")

    def at(self, node: ast.AST | int) -> str:
        """``file:line`` of a node or a line."""
        return f"{self.file}:{node if isinstance(node, int) else getattr(node, 'lineno', 1)}"

    def imports(self) -> Iterator[tuple[ast.AST, str]]:
        """Every module that is imported anywhere, ``from a import b`` as ``a.b``."""
        yield from _imports(self.tree)


def modules() -> list[Module]:
    """Every module of the package."""
    found = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        file = path.relative_to(ROOT)
        name = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(name, file.as_posix(), path.read_text(encoding="utf-8")))
    return found


def _imports(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node, f"{base}.{alias.name}") for alias in node.names)


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _layer_of(imported: str) -> str:
    return imported.split(".")[1] if imported.startswith(f"{PACKAGE}.") else ""


# --- who imports whom ------------------------------------------------------------------------------------------


def imports_go_downwards(module: Module) -> Iterator[str]:
    """A layer imports only earlier ones, and none is missing from the list of layers."""
    if module.layer in {"", SIMULATOR}:
        return
    if module.layer not in LAYERS:
        yield f"{module.at(1)}: {module.layer} is no layer yet: give it its place in LAYERS of {Path(__file__).name}"
        return
    for node, imported in module.imports():
        layer = _layer_of(imported)
        if layer in LAYERS and LAYERS.index(layer) > LAYERS.index(module.layer):
            yield f"{module.at(node)}: {module.layer} imports {imported}, but {layer} is a later layer: turn the import around"


def imports_are_absolute(module: Module) -> Iterator[str]:
    """No import is relative, so that a layer can be read off it."""
    for node, imported in module.imports():
        if imported.startswith("."):
            yield f"{module.at(node)}: the import of {imported} is relative: write it out from {PACKAGE}"


def the_simulator_stands_alone(module: Module) -> Iterator[str]:
    """The simulator imports nothing of the package; the console script alone imports it."""
    for node, imported in module.imports():
        layer = _layer_of(imported) or (imported == PACKAGE and PACKAGE) or ""
        if module.layer == SIMULATOR and layer and layer != SIMULATOR:
            yield f"{module.at(node)}: the simulator imports {imported}: what it answers must owe nothing to the package"
        if layer == SIMULATOR and module.layer not in MAY_IMPORT_THE_SIMULATOR:
            yield f"{module.at(node)}: {module.layer} imports the simulator: only the console script and tests may"


def dagster_stays_on_its_side(module: Module) -> Iterator[str]:
    """Dagster is imported by the Dagster side; in the console script only inside a function."""
    if module.layer in DAGSTER_SIDE:
        return
    inside = {id(node) for function in _functions(module.tree) for node, _ in _imports(function)} if module.layer == "cli" else set()
    for node, imported in module.imports():
        if re.match(r"dagster\w*(\.|$)", imported) and id(node) not in inside:
            yield f"{module.at(node)}: {module.layer} imports {imported}: only {', '.join(sorted(DAGSTER_SIDE))} may import Dagster"


def dagsters_inside_is_left_alone(module: Module) -> Iterator[str]:
    """Nothing of Dagster's that begins with an underscore is imported."""
    for node, imported in module.imports():
        if _is_below(imported, "dagster") and any(part.startswith("_") for part in imported.split(".")):
            yield f"{module.at(node)}: {imported} is Dagster's own and may change with any release: use its public API"


def only_settings_reads_the_environment(module: Module) -> Iterator[str]:
    """The environment is read in one place."""
    if module.name == f"{PACKAGE}.settings":
        return
    for node in ast.walk(module.tree):
        direct = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr in ENVIRONMENT
        named = isinstance(node, ast.ImportFrom) and node.module == "os" and any(alias.name in ENVIRONMENT for alias in node.names)
        if direct or named:
            yield f"{module.at(node)}: the environment is read here: only settings.py may, take it from Settings"


# --- how a module is written -----------------------------------------------------------------------------------


def packages_say_what_belongs(module: Module) -> Iterator[str]:
    """A package opens with what belongs there; every other module with what it is."""
    text = ast.get_docstring(module.tree) or ""
    if not text:
        yield f"{module.at(1)}: there is no docstring: say what belongs here"
    elif module.is_package and module.layer and "belong" not in text:
        yield f"{module.at(1)}: the docstring does not say what belongs in this package"


def exports_are_listed(module: Module) -> Iterator[str]:
    """``__all__`` is there where anything is public, sorted, and names what the module has."""
    names = _bound(module.tree)
    lists = [node for node in module.tree.body if isinstance(node, ast.Assign) and _names_of(node) == ["__all__"]]
    if not lists:
        public = [name for name in names if not name.startswith("_")]
        if public and module.layer != "__main__":
            yield f"{module.at(1)}: there is no __all__, but {', '.join(public[:3])} look public"
        return
    exported = ast.literal_eval(lists[0].value)
    if exported != sorted(set(exported), key=_place):
        yield f"{module.at(lists[0])}: __all__ is not sorted, or names something twice"
    for name in exported:
        if name not in names:
            yield f"{module.at(lists[0])}: __all__ names {name}, which the module does not have"


def functions_are_short(module: Module) -> Iterator[str]:
    """No function is longer than a page."""
    for function in _functions(module.tree):
        lines = _length(function)
        if lines > LONGEST_FUNCTION:
            yield f"{module.at(function)}: {function.name} has {lines} lines: split it, {LONGEST_FUNCTION} are the most"


def no_error_is_swallowed_unseen(module: Module) -> Iterator[str]:
    """Errors are caught by what they are; only what is raised again at once may be any."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            everything = any(kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}) for kind in kinds)
            if everything and not _goes_on(node.body[-1]):
                yield f"{module.at(node)}: every error is caught here, bugs too: name the ones that are meant"


def nothing_is_left_unfinished(module: Module) -> Iterator[str]:
    """No note stands in for work."""
    for number, line in enumerate(module.source.splitlines(), 1):
        if UNFINISHED.search(line):
            yield f"{module.at(number)}: {line.strip()!r} marks something unfinished: finish it, or open an issue"


def nothing_is_printed(module: Module) -> Iterator[str]:
    """People are told through the console script's own functions or the log."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{module.at(node)}: print() is used: log it, or let the console script say it"


RULES: dict[str, Callable[[Module], Iterator[str]]] = {
    rule.__name__: rule
    for rule in (
        imports_go_downwards,
        imports_are_absolute,
        the_simulator_stands_alone,
        dagster_stays_on_its_side,
        dagsters_inside_is_left_alone,
        only_settings_reads_the_environment,
        packages_say_what_belongs,
        exports_are_listed,
        functions_are_short,
        no_error_is_swallowed_unseen,
        nothing_is_left_unfinished,
        nothing_is_printed,
    )
}


def function_lengths(found: list[Module]) -> list[int]:
    """The length of every function in lines."""
    return [_length(function) for module in found for function in _functions(module.tree)]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _place(name: str) -> tuple[int, str]:
    """Where a name stands in ``__all__``: constants first, then classes, then functions."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2, name


def _goes_on(statement: ast.stmt) -> bool:
    """Whether a handler's last statement raises the same error again."""
    return isinstance(statement, ast.Raise) and statement.exc is None


def _names_of(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _bound(tree: ast.Module) -> list[str]:
    """The names that a module has at its top level; those only for the type checker are none of them."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [name for name in _names_of(node) if name != "__all__"]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
        elif isinstance(node, ast.ImportFrom) and _is_below(node.module or "", PACKAGE):
            names += [alias.asname or alias.name for alias in node.names]
    return names
