"""What runs have done, asset by asset: as rows for a table and as an HTML page.

Here belongs how the outcome of runs is shown. Not here: running anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

__all__ = ["HEAD", "AssetOutcome", "Checks", "RunOutcome", "html_page", "summary_rows"]

HEAD = ("asset", "account", "fetched", "in table", "checks", "seconds")
"""The columns of :func:`summary_rows`."""


@dataclass(frozen=True, slots=True)
class Checks:
    """How many checks of an asset passed, found something worth a look, and failed."""

    passed: int = 0
    warned: int = 0
    failed: int = 0

    def __str__(self) -> str:
        """For people: ``2 passed``, ``1 passed, 1 warned``; empty when there was none."""
        counts = ((self.passed, "passed"), (self.warned, "warned"), (self.failed, "failed"))
        return ", ".join(f"{count} {word}" for count, word in counts if count)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetOutcome:
    """What a run did to one asset.

    ``fetched`` are the rows that the fetch brought, ``total`` those in the table now, ``seconds`` the time of
    the step, which the first of the assets it makes has alone; each is ``None`` where there is no such number.
    """

    key: str
    written: bool
    checks: Checks
    fetched: int | None = None
    total: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What one run did. ``error`` is its sentence, empty when all went well."""

    endpoint: str
    account: str
    run_id: str
    assets: tuple[AssetOutcome, ...]
    error: str = ""


def summary_rows(outcomes: Sequence[RunOutcome]) -> list[tuple[object, ...]]:
    """One row an asset, in the columns of :data:`HEAD`."""
    return [
        (
            asset.key,
            outcome.account,
            asset.fetched,
            asset.total,
            str(asset.checks) if asset.written else ", ".join(filter(None, (str(asset.checks), "not written"))),
            None if asset.seconds is None else f"{asset.seconds:.1f}",
        )
        for outcome in outcomes
        for asset in outcome.assets
    ]


def html_page(title: str, outcomes: Sequence[RunOutcome], facts: Mapping[str, str], at: datetime) -> str:
    """One HTML page that needs nothing else: ``facts`` by name, then the table of assets. All text is escaped."""
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)
    page: str = template.render(title=title, facts=facts, head=HEAD, outcomes=outcomes, at=at.strftime("%Y-%m-%d %H:%M:%S UTC"))
    return page


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --text: #1c2430; --muted: #5d6b7c; --line: #dde3ea; --page: #f6f8fa; --card: #fff;
  --good: #1a7f4b; --warn: #9a6700; --bad: #c1272d; }
@media (prefers-color-scheme: dark) { :root { --text: #e6ebf1; --muted: #93a1b2; --line: #2c3642; --page: #12171d; --card: #1a2129;
  --good: #56c68a; --warn: #e0b341; --bad: #ff7b7b; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2.5rem 1rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; }
h1 { margin: 0 0 .25rem; font-size: 1.6rem; }
.at { margin: 0 0 1.5rem; color: var(--muted); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0 0 1.5rem; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
.card { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .5rem .9rem; text-align: left; white-space: nowrap; }
th { color: var(--muted); font-weight: 600; }
tbody tr { border-top: 1px solid var(--line); }
tbody tr.raw td:first-child { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.passed { color: var(--good); } .warned { color: var(--warn); } .failed { color: var(--bad); }
.error { margin: 1rem 0 0; color: var(--bad); }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="at">{{ at }}</p>
<dl>
{% for name, value in facts.items() %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}
</dl>
<div class="card">
<table>
<thead><tr>
{% for name in head %}
<th{% if name in ("fetched", "in table", "seconds") %} class="number"{% endif %}>{{ name }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for outcome in outcomes %}
{% for asset in outcome.assets %}
<tr{% if asset.key.startswith("raw/") %} class="raw"{% endif %}>
<td>{{ asset.key }}</td>
<td>{{ outcome.account }}</td>
<td class="number">{% if asset.fetched is not none %}{{ "{:,}".format(asset.fetched) }}{% endif %}</td>
<td class="number">{% if asset.total is not none %}{{ "{:,}".format(asset.total) }}{% endif %}</td>
<td>
{% if asset.checks.passed %}<span class="passed">{{ asset.checks.passed }} passed</span>{% endif %}
{% if asset.checks.warned %} <span class="warned">{{ asset.checks.warned }} warned</span>{% endif %}
{% if asset.checks.failed %} <span class="failed">{{ asset.checks.failed }} failed</span>{% endif %}
{% if not asset.written %} <span class="failed">not written</span>{% endif %}
</td>
<td class="number">{% if asset.seconds is not none %}{{ "%.1f"|format(asset.seconds) }}{% endif %}</td>
</tr>
{% endfor %}
{% endfor %}
</tbody>
</table>
</div>
{% for outcome in outcomes if outcome.error %}
<p class="error">{{ outcome.error }}</p>
{% endfor %}
</main>
</body>
</html>
"""
