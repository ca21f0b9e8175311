"""The checks ``contract`` and ``rules`` of each table, reporting what validation found on the way to the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.checks.completeness import completeness_spec
from torn_pipeline.tables.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.quality import Prepared
    from torn_pipeline.tables.contract import Reference, Rule
    from torn_pipeline.tables.normalise import Rejected
    from torn_pipeline.tables.table import Table

__all__ = ["check_results", "check_specs", "nothing_checked"]

CONTRACT = "contract"
RULES = "rules"
_SHOWN = 20  # rows a result lists
_TOLD = 3  # findings its description names
_ABOUT = {
    CONTRACT: """\
Did the API answer as its contract says?

- **Passed**: yes, every row.
- **Warning**: there were fields that are new, missing or null, or values not seen before. All of it was loaded. Adopt what is new \
in the contract, or leave it: a new field is a column already, unless the endpoint says `on_new_field: report`.
- **Error**: some rows could not be read, and were left out with all that belongs to them; what the table had of them before stays. \
`torn-pipeline quarantine list` shows them and why, and `torn-pipeline quarantine retry --all` loads them after a fix.
""",
    RULES: """\
Does what is known from observation hold? The rows were loaded in any case.

- **Passed**: yes, in every row.
- **Warning**: not in the rows named below. Look at them: if the game has changed, mend the rule in the contract; if not, the API \
has told something that cannot be, and what is reckoned from these rows may be wrong.
""",
}
_REPORTED = {CONTRACT: set(Kind) - {Kind.RULE, Kind.REPEATED}, RULES: {Kind.RULE}}


def check_specs(plan: EndpointPlan) -> list[dg.AssetCheckSpec]:
    """Both checks of each table, and that of completeness where the endpoint has a history."""
    of_tables = [
        dg.AssetCheckSpec(name=name, asset=dg.AssetKey(["torn", table.name]), description=about)
        for table in plan.tables
        for name, about in ((CONTRACT, _ABOUT[CONTRACT]), (RULES, f"{_ABOUT[RULES]}\n{_listed(plan, table)}"))
    ]
    return [*of_tables, completeness_spec(plan)] if plan.by_day else of_tables


def check_results(plan: EndpointPlan, fetched: Fetch, prepared: Prepared) -> Iterator[dg.AssetCheckResult]:
    """The results of both checks of each table for one fetch.

    Checks have no partitions of their own (a preview of Dagster's), so each result names its account.
    """
    findings = list(prepared.findings)
    for table in plan.tables:
        rejected = [root for root in prepared.rejected if root.table == table.name]
        about: dict[str, str | int] = {"account": fetched.account, "fetch_id": fetched.fetch_id, "rows": prepared.rows.get(table.name, 0)}
        for name in (CONTRACT, RULES):
            found = [finding for finding in findings if finding.table == table.name and finding.kind in _REPORTED[name]]
            yield _result(table, name, found, rejected if name == CONTRACT else [], about)


def nothing_checked(plan: EndpointPlan) -> Iterator[dg.AssetCheckResult]:
    """The results of all checks where there was no id to ask for, so that no row came."""
    for spec in check_specs(plan):
        yield dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=True,
            description="There was nothing to check: no id was there to ask for.",
        )


def _rules(plan: EndpointPlan, table: Table) -> list[Rule | Reference]:
    """What is known of a table from observation."""
    suffix = table.name.removeprefix(plan.root.name).removeprefix("_")
    known: list[Rule | Reference] = [*plan.contract.rules, *plan.contract.references]
    return [rule for rule in known if rule.table == suffix]


def _listed(plan: EndpointPlan, table: Table) -> str:
    rules = [f"- `{rule.name}`: {rule.description}" for rule in _rules(plan, table)]
    return "\n".join(("The rules of this table:\n", *rules)) if rules else "There is no rule for this table yet."


def _result(
    table: Table, name: str, found: Sequence[Finding], rejected: Sequence[Rejected], about: Mapping[str, str | int]
) -> dg.AssetCheckResult:
    lines = [str(finding) for finding in found]
    if rejected:
        roots = "1 root" if len(rejected) == 1 else f"{len(rejected)} roots"
        lines.insert(0, f"{roots} in quarantine, the first for {rejected[0].json_path}: {rejected[0].reason}")
    metadata: dict[str, dg.TableMetadataValue | str | int] = {**about, "disagreements": sum(finding.count for finding in found)}
    if found:
        metadata["findings"] = _records(
            {"kind": finding.kind.value, "where": finding.path, "type": finding.type, "count": finding.count, "example": finding.example}
            for finding in found[:_SHOWN]
        )
    if rejected:
        metadata["roots_quarantined"] = len(rejected)
        metadata["quarantined"] = _records(
            {"where": root.json_path, "reason": root.reason, "landed": root.raw_id} for root in rejected[:_SHOWN]
        )
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(["torn", table.name]),
        check_name=name,
        passed=not lines,
        severity=dg.AssetCheckSeverity.ERROR if rejected else dg.AssetCheckSeverity.WARN,
        description="; ".join((*lines[:_TOLD], *([f"and {len(lines) - _TOLD} more"] if len(lines) > _TOLD else []))) or None,
        metadata=metadata,
    )


def _records(rows: Iterable[dict[str, str | int]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows])
