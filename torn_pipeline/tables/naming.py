"""The naming rules: from a contract to its tables, keys and columns.

One rule for every endpoint, so that nobody has to look a name up; ``docs/naming.md`` tells it to people.
Nothing here is particular to one endpoint but the exceptions of English plurals.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from torn_pipeline.errors import ContractError
from torn_pipeline.tables.contract import Array, Contract, Map, Object, Scalar
from torn_pipeline.tables.table import Column, ColumnType, Role, Shape, StorageMode, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["default_table_name", "fill_path", "is_epoch", "json_path", "path_ids", "singular", "snake_case", "tables_of", "value_at"]

SINGULARS = {"bonuses": "bonus", "news": "news", "players_on_wall": "player_on_wall"}
EPOCH_NAMES = frozenset(
    {"cooldown", "end", "ended", "join_from", "last_action", "signed_up", "start", "started", "time_ended", "timestamp", "until"}
)
EPOCH_SUFFIXES = ("_at", "_time", "_timestamp", "_until")
NOT_EPOCH = frozenset({"lap_time", "wall_time"})
TYPES = {
    "any": ColumnType.TEXT,
    "boolean": ColumnType.BOOLEAN,
    "integer": ColumnType.INTEGER,
    "number": ColumnType.FLOAT,
    "string": ColumnType.TEXT,
}
IDENTIFIERS = ("uid", "id")


def snake_case(name: str) -> str:
    """``playerIds`` -> ``player_ids``, ``co-leader_id`` -> ``co_leader_id``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"\W+", "_", spaced).lower()


def singular(plural: str) -> str:
    """The entity that an array's key is the plural of: ``crimes`` -> ``crime``, ``bonuses`` -> ``bonus``."""
    word = snake_case(plural)
    if word in SINGULARS:
        return SINGULARS[word]
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word.removesuffix("es")
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word.removesuffix("s")
    return word


def is_epoch(name: str) -> bool:
    """Whether an integer field of that name holds seconds since 1970."""
    word = snake_case(name)
    return word not in NOT_EPOCH and (word in EPOCH_NAMES or word.endswith(EPOCH_SUFFIXES))


def json_path(parts: tuple[str, ...], start: str = "$") -> str:
    """Parts of a path as one JSON path: ``$.crimes[*].slots``."""
    return start + "".join(part if part.startswith("[") else f".{part}" if part.isidentifier() else f"[{part!r}]" for part in parts)


def value_at(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401  # decoded JSON is of any type
    """What stands at a JSON path below a decoded value; ``None`` where the path ends early."""
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def path_ids(path: str) -> tuple[str, ...]:
    """The key columns that ids in a path become: ``/faction/{crimeId}/crime`` -> ``_crime_id``; lists of ids become none."""
    names = map(snake_case, re.findall(r"\{(\w+)\}", path))
    return tuple(f"_{name}" for name in names if name.rsplit("_", 1)[-1] != "ids")


def fill_path(path: str, value: str) -> str:
    """``/faction/{crimeId}/crime`` with a value in the place of its parameter."""
    return re.sub(r"\{\w+\}", lambda _: value, path)


def default_table_name(path: str) -> str:
    """``/faction/crimes`` -> ``faction_crimes``, ids in the path left out."""
    return "_".join(snake_case(part) for part in path.strip("/").split("/") if part and not part.startswith("{"))


@lru_cache(maxsize=256)
def tables_of(
    contract: Contract, *, name: str = "", shared_scope: bool = False, mode: StorageMode = StorageMode.APPEND
) -> tuple[Table, ...]:
    """Every table of a contract, each before its children, with keys and columns in their final order.

    Raises:
        ContractError: when two columns or tables would get one name that the rules cannot tell apart, or a key or a rule
            is for no table.
    """
    base = name or default_table_name(contract.path)
    builder = _Builder(contract, base, shared_scope=shared_scope, mode=mode)
    for root in _roots(contract):
        builder.add_root(root)
    _refuse_strays(contract, [table.name.removeprefix(base).removeprefix("_") for table in builder.tables])
    return tuple(builder.tables)


def _refuse_strays(contract: Contract, suffixes: list[str]) -> None:
    """Two tables of one name are one too many, and a key or a rule of a table that is not there would never be held."""
    if twice := [suffix for suffix in dict.fromkeys(suffixes) if suffixes.count(suffix) > 1]:
        message = f"the contract of {contract.path} gives two tables one name: {', '.join(twice)}"
        raise ContractError(message)
    if strays := sorted({*contract.keys, *(rule.table for rule in contract.rules)} - set(suffixes)):
        message = f"the contract of {contract.path} has a key or a rule for {', '.join(strays)}, which is no table of it"
        raise ContractError(message)


@dataclass(frozen=True, slots=True)
class _Root:
    """One root of a body: where its rows are, what one is, what one is called."""

    suffix: str
    path: tuple[str, ...]
    shape: Shape
    element: Object | Scalar
    entity: str
    siblings: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class _Scope:
    """An enclosing object's direct scalars: the entity, and pairs of field name and column of the table at hand."""

    entity: str
    fields: tuple[tuple[str, Column], ...]


def _roots(contract: Contract) -> tuple[_Root, ...]:
    entity = singular(contract.path.rstrip("/").rsplit("/", 1)[-1])
    if len(contract.body) == 1 and not isinstance(contract.body[0], Scalar):
        return (_root("", contract.body[0]),)
    selection = default_table_name(contract.path).split("_", 1)[-1].replace("_", "")
    branches = [node for node in contract.body if not isinstance(node, Scalar)]
    main = next((node for node in branches if snake_case(node.name).replace("_", "") == selection), None)
    if main is None:
        return (_Root("", (), Shape.OBJECT, Object("", contract.body), entity),)
    scalars = tuple(node for node in contract.body if isinstance(node, Scalar))
    first = _root("", main)
    if scalars:
        first = replace(first, element=_with_siblings(contract, first.element, scalars), siblings=tuple(node.name for node in scalars))
    return (first, *(_root(f"_{snake_case(node.name)}", node) for node in branches if node is not main))


def _with_siblings(contract: Contract, element: Object | Scalar, scalars: tuple[Scalar, ...]) -> Object:
    """What a root's row is once the scalars beside the root are its columns."""
    names = {node.name for node in element.fields} if isinstance(element, Object) else set()
    if not isinstance(element, Object) or not names.isdisjoint(node.name for node in scalars):
        beside = ", ".join(node.name for node in scalars)
        message = f"the contract of {contract.path} has scalars beside its root that cannot become columns of its rows: {beside}"
        raise ContractError(message)
    return replace(element, fields=(*element.fields, *scalars))


def _root(suffix: str, node: Object | Array | Map) -> _Root:
    shape, element = _rows_of(node)
    return _Root(suffix, (node.name,), shape, element, singular(node.name), description=node.description)


def _rows_of(node: Object | Array | Map) -> tuple[Shape, Object | Scalar]:
    if isinstance(node, Object):
        return Shape.OBJECT, node
    if isinstance(node, Array):
        return Shape.LIST, node.items
    return Shape.MAP, node.values


def _own(element: Object | Scalar) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """Every scalar of a row with its path, nested objects flattened, in the API's order."""
    if isinstance(element, Scalar):
        yield (), element
        return
    for node in element.fields:
        if isinstance(node, Scalar):
            yield (node.name,), node
        elif isinstance(node, Object):
            yield from (((node.name, *path), scalar) for path, scalar in _own(node))


def _branches(element: Object | Scalar) -> Iterator[tuple[tuple[Object, ...], Array | Map]]:
    """Every list or map of a row with the nested objects on the way to it."""
    if isinstance(element, Scalar):
        return
    for node in element.fields:
        if isinstance(node, Array | Map):
            yield (), node
        elif isinstance(node, Object):
            yield from (((node, *on_the_way), branch) for on_the_way, branch in _branches(node))


def _flat_names(paths: list[tuple[str, ...]], entity: str) -> dict[tuple[str, ...], str]:
    """A column name for each path: joined by ``_``; of several paths to one name the shallowest keeps it, the others join by ``__``.

    With an ``entity`` the row's own ``id`` is named by it.
    """
    names: dict[tuple[str, ...], str] = {}
    taken: set[str] = set()
    for path in sorted(paths, key=len):
        parts = [snake_case(part) for part in path]
        name = f"{entity}_id" if entity and path == ("id",) else "_".join(parts) or "value"
        names[path] = "__".join(parts) if name in taken else name
        taken.add(names[path])
    return names


def _column_type(scalar: Scalar) -> ColumnType:
    if scalar.type == "integer" and is_epoch(scalar.name):
        return ColumnType.TIMESTAMP
    return TYPES[scalar.type]


class _Builder:
    """Builds the tables of one contract, top down."""

    def __init__(self, contract: Contract, base: str, *, shared_scope: bool, mode: StorageMode) -> None:
        self.contract = contract
        self.base = base
        self.mode = mode
        self.tables: list[Table] = []
        origin = [
            Column(name="_account", type=ColumnType.TEXT, role=Role.ACCOUNT, description="The account whose key asked."),
            Column(name="_fetch_id", type=ColumnType.TEXT, role=Role.FETCH_ID, description="The fetch the row came with."),
            Column(name="_fetched_at", type=ColumnType.TIMESTAMP, role=Role.FETCHED_AT, description="When that fetch began, UTC."),
            Column(name="_raw_id", type=ColumnType.TEXT, role=Role.RAW_ID, description="The landed response the row came from."),
        ]
        self.origin = {column.name: column for column in origin}
        ids = [
            Column(name=name, type=ColumnType.TEXT, role=Role.PATH_ID, description="The id in the path.")
            for name in path_ids(contract.path)
        ]
        self.root_prefix = [] if shared_scope else [self.origin["_account"]]
        self.root_prefix += ids
        self.root_entity = ""
        self.natural: set[str] = set()

    def add_root(self, root: _Root) -> None:
        own = self._own_columns(root.element, entity="")
        identity = self._root_identity(root, own)
        name = f"{self.base}{root.suffix}"
        natural = self._natural_key(name, own)
        key = [*self.root_prefix, *(natural or identity)]
        place: dict[tuple[str, ...], Column] = {("_place",): _place(root.shape)} if root.shape is Shape.MAP else {}
        table = self._table(name, None, root, key, {**own, **place}, parents=[], root_key=[column.name for column in key])
        self.root_entity, self.natural = root.entity, {column.name for column in natural}
        outer = [_outer(column, root.entity) for column in natural or identity]
        self._add_children(table, root, own, scopes=[], outer=outer)

    def _root_identity(self, root: _Root, own: dict[tuple[str, ...], Column]) -> list[Column]:
        element = root.element
        fields = {node.name: node for node in element.fields if isinstance(node, Scalar)} if isinstance(element, Object) else {}
        for identifier in IDENTIFIERS:
            if identifier in fields and fields[identifier].required and not fields[identifier].nullable:
                return [own[(identifier,)]]
        return [_place(root.shape)] if root.shape is not Shape.OBJECT else []

    def _natural_key(self, name: str, own: dict[tuple[str, ...], Column]) -> list[Column]:
        wanted = self.contract.keys.get(name.removeprefix(self.base).removeprefix("_"), ())
        by_name = {column.name: column for column in own.values()}
        if missing := [column for column in wanted if column not in by_name]:
            message = f"the contract of {self.contract.path} names a key of {name} that is no column of its own: {', '.join(missing)}"
            raise ContractError(message)
        return [by_name[column] for column in wanted]

    def _own_columns(self, element: Object | Scalar, entity: str) -> dict[tuple[str, ...], Column]:
        """The row's own columns by JSON path; ``entity`` is empty for a root, whose ``id`` stays ``id``."""
        scalars = list(_own(element))
        names = _flat_names([path for path, _ in scalars], entity)
        if len(self.contract.body) == 1 and isinstance(self.contract.body[0], Scalar):
            names = dict.fromkeys(names, "value")
        return {
            path: Column(
                name=names[path],
                type=_column_type(scalar),
                role=Role.OWN,
                path=path,
                older=tuple(tuple(older.split(".")) for older in scalar.older),
                known=scalar.known,
                description=scalar.description,
                unit=scalar.unit,
            )
            for path, scalar in scalars
        }

    def _add_children(
        self, parent: Table, row: _Root, own: dict[tuple[str, ...], Column], scopes: list[_Scope], outer: list[Column]
    ) -> None:
        """``scopes`` are those around the row, nearest first; ``outer`` the parent columns that lead a child's key."""
        scopes = [_scope(row.element, (), row.entity, own), *scopes]
        for on_the_way, branch in _branches(row.element):
            path = tuple(node.name for node in on_the_way)
            nearer = [_scope(node, path[: depth + 1], singular(node.name), own) for depth, node in reversed(list(enumerate(on_the_way)))]
            self._add_child(parent, (*path, branch.name), branch, [*nearer, *scopes], outer)

    def _add_child(self, parent: Table, path: tuple[str, ...], node: Array | Map, scopes: list[_Scope], outer: list[Column]) -> None:
        shape, element = _rows_of(node)
        row = _Root("", path, shape, element, singular(node.name), description=node.description)
        name = "_".join((parent.name, *(snake_case(part) for part in path)))
        own = self._own_columns(element, row.entity)
        place = _place(shape)
        outer = [self._told_apart(column, {column.name for column in own.values()}) for column in outer]
        prefix = [*self.root_prefix, *outer]
        key = [*prefix, *(self._natural_key(name, own) or [place])]
        taken = {column.name for column in (*key, *own.values(), place, *self.origin.values())}
        parents, inherited = _inherit(scopes, taken, known={column.path[0] for column in outer})
        names = {column.path[0]: column.name for column in outer}
        root_key = [names.get(column, column) for column in parent.root_key]
        table = self._table(name, parent, row, key, {**own, ("_place",): place}, parents=parents, root_key=root_key)
        deeper = [replace(column, path=(column.name,)) for column in outer]
        self._add_children(table, row, own, inherited, [*deeper, _outer(place, row.entity)])

    def _table(
        self,
        name: str,
        parent: Table | None,
        row: _Root,
        key: list[Column],
        own: dict[tuple[str, ...], Column],
        *,
        parents: list[Column],
        root_key: list[str],
    ) -> Table:
        if self.mode is StorageMode.APPEND:
            key = [*key, self.origin["_fetched_at"]]
        self._refuse_namesakes(name, [*key, *own.values(), *parents, *self.origin.values()])
        ordered = {column.name: column for column in (*key, *sorted(own.values(), key=lambda column: column.role is Role.OWN), *parents)}
        for column in self.origin.values():
            ordered.setdefault(column.name, column)
        start = parent.json_path if parent else "$"
        table = Table(
            name=name,
            root=parent.root if parent else name,
            parent=parent.name if parent else None,
            key=tuple(column.name for column in key),
            root_key=tuple(root_key),
            columns=tuple(ordered.values()),
            path=row.path,
            shape=row.shape,
            element=row.element,
            siblings=row.siblings,
            json_path=json_path(row.path, start) + {Shape.OBJECT: "", Shape.LIST: "[*]", Shape.MAP: ".*"}[row.shape],
            description=row.description or self.contract.description,
        )
        self.tables.append(table)
        return table

    def _told_apart(self, column: Column, nearer: set[str]) -> Column:
        """A column of a natural key, which keeps its name in the children, prefixed where the row has one of that name itself."""
        return replace(column, name=f"{self.root_entity}_{column.name}") if column.name in self.natural & nearer else column

    def _refuse_namesakes(self, table: str, columns: list[Column]) -> None:
        count = Counter(column.name for column in dict.fromkeys(columns))
        if twice := [column for column in count if count[column] > 1]:
            message = f"the contract of {self.contract.path} gives {table} two columns named {', '.join(twice)}, which no rule tells apart"
            raise ContractError(message)


def _outer(column: Column, entity: str) -> Column:
    """A column of a row's key as its children carry it: ``id`` as ``crime_id``, ``_index`` as ``crime_index``."""
    name = f"{entity}_{column.name.removeprefix('_')}" if column.name in {*IDENTIFIERS, "_index", "key"} else column.name
    return replace(column, name=name, role=Role.PARENT, path=(column.name,), older=())


def _place(shape: Shape) -> Column:
    if shape is Shape.MAP:
        return Column(name="key", type=ColumnType.TEXT, role=Role.MAP_KEY, description="The key of the entry.")
    return Column(name="_index", type=ColumnType.INTEGER, role=Role.INDEX, description="The row's place in its array, from 0.")


def _scope(element: Object | Scalar, path: tuple[str, ...], entity: str, own: dict[tuple[str, ...], Column]) -> _Scope:
    if isinstance(element, Scalar):
        return _Scope(entity, (("value", own[()]),))
    return _Scope(entity, tuple((node.name, own[(*path, node.name)]) for node in element.fields if isinstance(node, Scalar)))


def _inherit(scopes: list[_Scope], taken: set[str], known: set[str]) -> tuple[list[Column], list[_Scope]]:
    """A child's columns from enclosing objects, and the same scopes by the child's own column names.

    ``taken`` are the names nearer to the row; ``known`` the parent's columns that the child's key has already.
    """
    columns: list[Column] = []
    inherited: list[_Scope] = []
    for scope in scopes:
        fields: list[tuple[str, Column]] = []
        for field_name, parent_column in scope.fields:
            if parent_column.name in known:
                continue
            bare = snake_case(field_name)
            name = f"{scope.entity}_id" if bare == "id" else bare
            if name in taken:
                name = f"{scope.entity}_{bare}"
            if name in taken:
                message = f"two enclosing fields would both be called {name}; rename one by an older path"
                raise ContractError(message)
            taken.add(name)
            column = replace(parent_column, name=name, role=Role.PARENT, path=(parent_column.name,), older=())
            columns.append(column)
            fields.append((field_name, column))
        inherited.append(_Scope(scope.entity, tuple(fields)))
    return columns, inherited
