"""The checks ``contract``, ``rules`` and ``quarantine``, reporting what validation found on the way to the warehouse.

``contract`` says of each table whether its rows could be read, and names what differs and was loaded. What was left out is a root
with all that belongs to it: those are named once, by ``quarantine`` of the root table.
"""

from __future__ import annotations

from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from torn_pipeline.checks.specs import CONTRACT, QUARANTINE, RULES
from torn_pipeline.checks.telling import SHOWN, Metadata, records, result
from torn_pipeline.tables.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import dagster as dg

    from torn_pipeline.landing import Fetch
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.quality.prepared import Prepared
    from torn_pipeline.tables.normalise import Rejected

__all__ = ["validation_results"]

_TOLD = 3  # findings that a description names
_REPORTED = {CONTRACT: set(Kind) - {Kind.RULE, Kind.REPEATED}, RULES: {Kind.RULE}}


def validation_results(plan: EndpointPlan, fetched: Fetch, prepared: Prepared) -> Iterator[dg.AssetCheckResult]:
    """What validation found in one fetch: ``contract`` and ``rules`` of each table, ``quarantine`` of the root."""
    findings = list(prepared.findings)
    for table in plan.tables:
        rejected = [root for root in prepared.rejected if root.table == table.name]
        rows = prepared.rows.get(table.name, 0)
        for name in (CONTRACT, RULES):
            found = [finding for finding in findings if finding.table == table.name and finding.kind in _REPORTED[name]]
            left_out = rejected if name == CONTRACT else []
            lines = [*_left_out(left_out), *map(str, found)]
            problem = "; ".join((*lines[:_TOLD], *([f"and {len(lines) - _TOLD} more"] if len(lines) > _TOLD else [])))
            yield result(table.name, name, fetched, problem, {"rows": rows} | _shown(found), error=bool(left_out))
    yield _quarantine(plan, fetched, prepared)


def _left_out(rejected: Sequence[Rejected]) -> list[str]:
    if not rejected:
        return []
    roots = "1 root" if len(rejected) == 1 else f"{len(rejected)} roots"
    return [f"{roots} in quarantine, the first for {rejected[0].json_path}: {rejected[0].reason}"]


def _shown(found: Sequence[Finding]) -> Metadata:
    """The findings, and some of the rows of each."""
    metadata: Metadata = {"disagreements": sum(finding.count for finding in found)}
    if rows := list(islice(_rows(found), SHOWN)):
        metadata["offending_rows"] = records(rows)
    if found:
        metadata["findings"] = records(
            {"kind": finding.kind.value, "where": finding.path, "type": finding.type, "count": finding.count, "example": finding.example}
            for finding in found[:SHOWN]
        )
    return metadata


def _rows(found: Sequence[Finding]) -> Iterator[Mapping[str, object]]:
    """The rows that the findings are about, the first of each, then the second, and so on."""
    for turn in zip_longest(*(finding.rows for finding in found)):
        for finding, row in zip(found, turn, strict=True):
            if row is not None:
                yield {**row.key, "found": f"{finding.kind} {finding.path}", "value": row.value}


def _quarantine(plan: EndpointPlan, fetched: Fetch, prepared: Prepared) -> dg.AssetCheckResult:
    rejected, most = prepared.rejected, plan.endpoint.max_quarantined
    metadata: Metadata = {"roots": prepared.roots, "roots_quarantined": len(rejected), "share": round(prepared.quarantined_share, 4)}
    is_refused = prepared.quarantined_share > most
    if rejected:
        metadata["quarantined"] = records({**root.key, "where": root.json_path, "reason": root.reason} for root in rejected[:SHOWN])
    told = f"{len(rejected)} of {prepared.roots} roots ({prepared.quarantined_share:.1%})"
    problem = f"{told} were left out" + (f", more than max_quarantined allows ({most:.0%}): nothing was loaded" if is_refused else "")
    return result(plan.root.name, QUARANTINE, fetched, problem if rejected else "", metadata, error=is_refused)
