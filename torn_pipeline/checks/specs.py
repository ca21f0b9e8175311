"""Which checks an endpoint's tables have, and what each says of itself: what it asks, and what to do about the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.config import BusinessRule
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.tables.contract import Reference, Rule
    from torn_pipeline.tables.table import Table

__all__ = [
    "COMPLETENESS",
    "CONTRACT",
    "FRESHNESS",
    "NULLS",
    "QUARANTINE",
    "RELATIONS",
    "RULES",
    "VOLUME",
    "check_specs",
    "suffix",
    "table_checks",
]

COMPLETENESS = "completeness"
CONTRACT = "contract"
FRESHNESS = "freshness"
NULLS = "nulls"
QUARANTINE = "quarantine"
RELATIONS = "relations"
RULES = "rules"
VOLUME = "volume"

_ABOUT = {
    CONTRACT: """\
Did the API answer as its contract says?

- **Passed**: yes, every row.
- **Warning**: there were fields that are new, missing or null, or values not seen before. All of it was loaded. Adopt what is new \
in the contract, or leave it: a new field is a column already, unless the endpoint says `on_new_field: report`.
- **Error**: some rows could not be read, and were left out with all that belongs to them; what the table had of them before stays. \
The check `quarantine` of `{root}` names them, `torn-pipeline quarantine list` shows them and why, and \
`torn-pipeline quarantine retry --all` loads them after a fix.
""",
    RULES: """\
Does what is known from observation hold? The rows were loaded in any case.

- **Passed**: yes, in every row.
- **Warning**: not in the rows named below. Look at them: if the game has changed, mend the rule in the contract; if not, the API \
has told something that cannot be, and what is reckoned from these rows may be wrong.

{known}
""",
    RELATIONS: """\
Is what the rows refer to in the other tables? The rows were loaded in any case.

- **Passed**: yes, or the other table has no rows yet.
- **Warning**: not what the rows below refer to. Fetch the endpoint of the other table: it may be older than this one. What is then \
still not there is gone from the API, and a join leaves these rows out.

{known}
""",
    QUARANTINE: """\
How much of the fetch had to be left out, because a row or one that belongs to it could not be read?

- **Passed**: nothing.
- **Warning**: the rows named below, at most the share that the endpoint allows (`max_quarantined: {most:g}`). The rest was loaded.
- **Error**: more than that, so nothing was loaded.

Read the reasons: most often the API has changed a type. Mend the contract (docs/adding-an-endpoint.md), then \
`torn-pipeline quarantine retry --all` loads what was left out, without a call.
""",
    FRESHNESS: """\
Is what was last loaded young enough: fetched no longer ago than two periods of the endpoint, so that one may fail, and the time that \
a run may take (`max_runtime`, but no more than a third period, or ten minutes where that is longer)?

- **Passed**: yes.
- **Warning**: not what was loaded now. Fetch it anew with `torn-pipeline materialize {name}`; when runs fail, their page says why, \
and `torn-pipeline status` shows what is due when.
""",
    VOLUME: """\
Did as many rows come as usually do? {volume}, held against those of the same weekday once there are four of it, else against all.

- **Passed**: yes, or there are fewer than eight to compare with.
- **Warning**: far fewer or far more. Look at the preview of `{raw}` and at what was asked for. If the game explains it (people left, \
an event ended), nothing is to be done: after some time it is what is usual. If not, compare it with the site.
""",
    NULLS: """\
Is far more of a column null than usually is?

- **Passed**: no, or fewer than eight fetches of ten rows and more are there to compare with.
- **Warning**: of the columns below. Look at what the API sends for them (the preview of `{raw}`): a field that was renamed is a new \
field in the check `contract`, and the contract takes it up as the same column with `older`; a key that lost a permission sends \
nothing where it sent values.
""",
    COMPLETENESS: """\
Is every row of the endpoint's history here? What is complete is told by what was fetched and loaded, not by the colours of partitions.

- **Passed**: yes, from `since` in the config up to the time from which rows may still come.
- **Warning**: not in the times listed below. `torn-pipeline gaps {name} --fill` fetches them, or choose their \
days on the page of the job `{name}` and materialize them.
""",
}
_ABOUT_RULE = """\
{description}

- **Passed**: the query below, asked after the last load, found {most} rows or fewer.
{bad}

```sql
{sql}
```
"""
_TOO_MANY = (
    "it found more. Look at the rows that are shown; if they are right and the rule is not, change it in the section `rules` of the config"
)
_REFUSED = "the warehouse did not take the query, and says why. Mend it in the config; `torn-pipeline check --queries` tries it"
_VOLUME_OF_FETCH = "It is the rows of the fetch"
_VOLUME_OF_DAY = "It is the rows of the newest day to which nothing can be added; more than usual is no news"


def check_specs(plans: Sequence[EndpointPlan]) -> list[dg.AssetCheckSpec]:
    """The checks of the tables of endpoints that share them."""
    plan = plans[0]
    return [
        dg.AssetCheckSpec(name=name, asset=dg.AssetKey(["torn", table.name]), description=_about(name, plan, table))
        for table in plan.all_tables
        for name in table_checks(plans, table)
    ]


def table_checks(plans: Sequence[EndpointPlan], table: Table) -> Iterator[str]:
    """The names of the checks that a table of endpoints has that share it.

    What is asked by id is asked when there is an id: neither its age nor its number of rows says anything. A history has the rules
    of the config alone.
    """
    plan = plans[0]
    if table not in plan.histories:
        yield from _built_in(plans, table)
    yield from (rule.name for rule in plan.rules if rule.table == table.name)


def _built_in(plans: Sequence[EndpointPlan], table: Table) -> Iterator[str]:
    plan = plans[0]
    yield from (CONTRACT, RULES)
    if any(reference.table == suffix(plan, table) for reference in plan.contract.references):
        yield RELATIONS
    yield NULLS
    by_id = all(one.endpoint.ids_from for one in plans)
    if table is plan.root:
        yield from (QUARANTINE, *(() if by_id else (FRESHNESS,)), *((COMPLETENESS,) if plan.by_day else ()))
    if table.parent is None and not by_id and (table is plan.root or not plan.by_day):
        yield VOLUME


def suffix(plan: EndpointPlan, table: Table) -> str:
    """What a contract calls a table."""
    return table.name.removeprefix(plan.root.name).removeprefix("_")


def _about(name: str, plan: EndpointPlan, table: Table) -> str:
    if name not in _ABOUT:
        return _about_rule(next(rule for rule in plan.rules if (rule.table, rule.name) == (table.name, name)))
    known: Sequence[Rule | Reference] = plan.contract.rules if name == RULES else plan.contract.references
    listed = [f"- `{one.name}`: {one.description}" for one in known if one.table == suffix(plan, table)]
    return _ABOUT[name].format(
        name=plan.endpoint.name,
        root=plan.root.name,
        raw=f"raw/{plan.endpoint.name}",
        most=plan.endpoint.max_quarantined,
        volume=_VOLUME_OF_DAY if plan.by_day else _VOLUME_OF_FETCH,
        known="\n".join(("What is known of this table:\n", *listed)) if listed else "There is no rule for this table yet.",
    )


def _about_rule(rule: BusinessRule) -> str:
    description = rule.description or f"A rule of the config: what the query below finds in {rule.table} must not be there."
    bad = (
        f"- **Error**: {_TOO_MANY}.\n- **Warning**: {_REFUSED}."
        if rule.severity == "error"
        else f"- **Warning**: {_TOO_MANY}. Or {_REFUSED}."
    )
    sql = "\n".join(filter(str.strip, rule.sql.splitlines()))  # one block, as Markdown has it
    return _ABOUT_RULE.format(description=description, most=rule.most, bad=bad, sql=sql)
