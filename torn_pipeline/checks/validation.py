"""The checks ``contract`` and ``rules`` of each table, reporting what validation found on the way to the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.tables.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torn_pipeline.landing import Fetch
    from torn_pipeline.quality import Prepared
    from torn_pipeline.tables.normalise import Rejected
    from torn_pipeline.tables.table import Table

__all__ = ["check_results", "check_specs"]

CONTRACT = "contract"
RULES = "rules"
_SHOWN = 20  # rows a result lists
_TOLD = 3  # findings its description names
_DESCRIPTIONS = {
    CONTRACT: (
        "Whether the answer was as the contract says. WARN: fields that are new, missing or null, values not seen before; all of it "
        "was loaded: adopt what is new in the contract. ERROR: rows that could not be loaded; see torn-pipeline quarantine list."
    ),
    RULES: "Whether what is known from observation holds. The rows were loaded; look at them, and mend the rule or ask the API's makers.",
}
_REPORTED = {CONTRACT: set(Kind) - {Kind.RULE, Kind.REPEATED}, RULES: {Kind.RULE}}


def check_specs(tables: Iterable[Table]) -> list[dg.AssetCheckSpec]:
    """Both checks of each table."""
    return [
        dg.AssetCheckSpec(name=name, asset=dg.AssetKey(["torn", table.name]), description=_DESCRIPTIONS[name])
        for table in tables
        for name in (CONTRACT, RULES)
    ]


def check_results(tables: Iterable[Table], fetched: Fetch, prepared: Prepared) -> Iterator[dg.AssetCheckResult]:
    """The results of both checks of each table for one fetch.

    Checks have no partitions of their own (a preview of Dagster's), so each result names its account.
    """
    about = {"account": fetched.account, "fetch_id": fetched.fetch_id}
    findings = list(prepared.findings)
    for table in tables:
        rejected = [root for root in prepared.rejected if root.table == table.name]
        for name in (CONTRACT, RULES):
            found = [finding for finding in findings if finding.table == table.name and finding.kind in _REPORTED[name]]
            yield _result(table, name, found, rejected if name == CONTRACT else [], about)


def _result(
    table: Table, name: str, found: Sequence[Finding], rejected: Sequence[Rejected], about: Mapping[str, str]
) -> dg.AssetCheckResult:
    lines = [str(finding) for finding in found]
    if rejected:
        lines.insert(0, f"{len(rejected)} roots in quarantine, the first for {rejected[0].json_path}: {rejected[0].reason}")
    metadata: dict[str, dg.TableMetadataValue | str] = {**about}
    if found:
        metadata["findings"] = _records(
            {"kind": finding.kind.value, "where": finding.path, "type": finding.type, "count": finding.count, "example": finding.example}
            for finding in found[:_SHOWN]
        )
    if rejected:
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
