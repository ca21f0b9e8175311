"""A validation report as a page: one HTML file that needs nothing else, no network and no script."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from torn_pipeline.ops.style import PAGE_HEAD, STYLE
from torn_pipeline.quality.score import Grade

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup

    from torn_pipeline.ops.report.content import Content

__all__ = ["report_page"]

_SHOWN = 8  # digits of a run's id, as Dagster's UI shows it
_CODE = re.compile(r"`([^`]+)`")
_ACCOUNT = "_account"
_WRONG = frozenset({Grade.WARNED, Grade.FAILED})


def report_page(content: Content) -> str:
    """The page of a report in the shape of its JSON. All text in it is escaped: players may have written it."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "code": _with_code,
        "moment": _moment,
        "number": _number,
        "columns": _columns,
        "grades": _grades,
        "points": _points,
    }
    run = content["run"]
    page: str = environment.from_string(PAGE_HEAD + _PAGE).render(
        report=content,
        run=run,
        title=f"Run {run['id'][:_SHOWN]}: validation report" if run else "Validation report",
        figures=list(_figures(content)),
        facts=_facts(run) if run else [],
        wrong=[(asset, checks) for asset in content["assets"] if (checks := [one for one in asset["checks"] if one["grade"] in _WRONG])],
        shown=_SHOWN,
        style=STYLE + _OWN_STYLE,
    )
    return page


def _figures(content: Content) -> Iterator[tuple[str, str, str, str]]:
    """The large numbers: label, value, what is to be said about it, and its colour."""
    counts, score = content["counts"], content["score"]
    if score:
        colour = "passed" if score["points"] >= score["good"] else "warned" if score["points"] >= score["poor"] else "failed"
        yield "Score", str(score["points"]), f"of 100; {score['good']} is good", colour
    elif content["run"]:
        yield "Rows loaded", _number(content["run"]["rows_loaded"]), f"fetches: {content['run']['fetches_loaded']:,}", ""
    never = f", {counts['never_made']:,} never made" if counts["never_made"] else ""
    yield "Checks passed", _number(counts["passed"]), f"of {counts['checks']:,}{never}", ""
    wrong = counts["warned"] + counts["failed"]
    colour = "failed" if counts["failed"] else "warned" if wrong else ""
    yield "To look at", _number(wrong), f"{counts['failed']:,} failed, {counts['warned']:,} warned", colour
    yield "In quarantine", _number(counts["quarantined"]), "rows that could not be read", "warned" if counts["quarantined"] else ""


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What there is to say of a run, a line each."""
    facts = [("Run", run["id"]), ("Endpoint", run["endpoint"]), ("Account", run["account"]), ("Status", run["status"])]
    facts += [("Started", _moment(run["started"])), ("Ended", _moment(run["ended"])), ("Error", run["error"])]
    return [(name, value) for name, value in facts if value]


def _with_code(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2, which is loaded when a page is made

    parts = _CODE.split(text)
    return Markup().join(Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts))


def _moment(at: str | None) -> str:
    return f"{at[:10]} {at[11:19]} UTC" if at else ""


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else "" if value is None else str(value)


def _grades(checks: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """How many of the checks went how, the best first."""
    counted = Counter(check["grade"] for check in checks)
    return [(grade, counted[grade]) for grade in Grade if counted[grade]]


def _points(check: Mapping[str, Any], asset: Mapping[str, Any]) -> str:
    """What a check gave to the score of its table."""
    return next((f"{line['got']} of {line['points']}" for line in asset["score"]["lines"] if line["what"] == check["check"]), "")


def _columns(check: Mapping[str, Any]) -> list[str]:
    """The columns of the rows that a check shows; the account stands above them already, and a phone has little room."""
    return [name for name in dict.fromkeys(name for row in check["rows"] for name in row) if name != _ACCOUNT or not check["account"]]


_OWN_STYLE = """\
h3 { overflow-wrap: anywhere; }
code { padding: .1em .35em; background: var(--code); border-radius: .25rem; font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.figures { grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); }
.card + .card { margin-top: .75rem; }
.asset { padding: 1rem 1rem .25rem; }
.asset > header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; }
.check { margin: .75rem 0 1rem; padding-left: .8rem; border-left: 3px solid var(--none); overflow-wrap: anywhere; }
.check.warned { border-color: var(--warn); } .check.failed { border-color: var(--bad); }
.check, .check p, .check td { color: var(--text); } .check .muted, .check th { color: var(--muted); }
.check p + p, .check .scroll { margin-top: .35rem; }
.never-made { color: var(--muted); }
.grade { font-weight: 650; } .warned > p > .grade { color: var(--warn); } .failed > p > .grade { color: var(--bad); }
.rows td { white-space: normal; max-width: 28rem; overflow-wrap: break-word; } .rows .wide { min-width: 17rem; }
.wrap { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 1.25rem 0; padding: .9rem 1rem; }
.facts dt { color: var(--muted); } .facts dd { margin: 0; overflow-wrap: anywhere; }
details { padding: .6rem 1rem; } summary .small { display: inline-block; margin-left: .6rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
details .scroll { margin: .4rem -1rem -.6rem; }
@media (max-width: 40rem) { body { padding: 1.25rem .75rem 2rem; } .figures { grid-template-columns: 1fr 1fr; gap: .5rem; }
  th, td { padding: .35rem .6rem; } }
"""

_PAGE = """\
{% macro table(check) %}
{% set columns = check|columns %}
<div class="scroll" tabindex="0" role="region" aria-label="Rows of {{ check.check }}">
<table class="rows small">
<thead><tr>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in check.rows %}
<tr>
{% for column in columns %}
<td{% if row.get(column, "")|string|length > 30 %} class="wide"{% endif %}>{{ row.get(column, "") }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endmacro %}
{% macro made(check) %}
{{ check.made_at|moment }}{% if check.account %}, account {{ check.account }}{% endif %}
{% if check.run_id and not run %}, run <span title="{{ check.run_id }}">{{ check.run_id[:shown] }}</span>{% endif %}
{% endmacro %}
<p class="muted">{% if run %}What the checks of one run said, and what it loaded.{% else %}What all checks say of the data now.{% endif %}
 Made {{ report.made_at|moment }} from the {{ report.warehouse }}.</p>
{% if facts %}
<dl class="card facts">
{% for name, value in facts %}
<dt>{{ name }}</dt><dd{% if name == "Error" %} class="failed"{% endif %}>{{ value }}</dd>
{% endfor %}
</dl>
{% endif %}
<dl class="figures">
{% for label, value, note, colour in figures %}
<div><dt>{{ label }}</dt><dd class="value {{ colour }}">{{ value }}</dd><dd class="muted small">{{ note }}</dd></div>
{% endfor %}
</dl>
<h2>To look at</h2>
{% if not wrong %}
<p class="muted">Nothing: no check warned or failed.</p>
{% endif %}
{% for asset, checks in wrong %}
<section class="card asset">
<header><h3>{{ asset.asset }}</h3>
<span class="muted small">{% if asset.score %}score {{ asset.score.points }}{% endif %}
{% if asset.rows is not none %}{% if asset.score %} · {% endif %}{{ asset.rows|number }} rows{% endif %}</span></header>
{% for check in checks %}
<div class="check {{ check.grade }}">
<p><span class="grade">{{ check.check }} {{ check.grade }}</span> <span class="muted small">{{ made(check) }}</span></p>
<p>{{ check.says }}</p>
{% if check.rows %}
{{ table(check) }}
{% endif %}
<p class="muted small">{{ check.asks|code }} {{ check.to_do|code }}</p>
</div>
{% endfor %}
</section>
{% endfor %}
{% if report.quarantine.count %}
<h2>Quarantine</h2>
<div class="card scroll" tabindex="0" role="region" aria-label="Quarantine">
<table>
<thead><tr><th class="number">roots</th><th>of table</th><th>account</th><th>where</th><th>why</th></tr></thead>
<tbody>
{% for one in report.quarantine.reasons %}
<tr><td class="number">{{ one.count|number }}</td><td>{{ one.root }}</td><td>{{ one.account }}</td>
<td>{{ one.json_path }}{% if one.table != one.root %} <span class="muted small">{{ one.table }}</span>{% endif %}</td>
<td class="wrap">{{ one.reason }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% if report.quarantine.roots %}
<details class="card" open><summary>The roots that this run left out</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Roots">
<table>
<thead><tr><th>id</th><th>of table</th><th>key</th><th>where</th><th>why</th></tr></thead>
<tbody>
{% for root in report.quarantine.roots %}
<tr><td>{{ root.quarantine_id }}</td><td>{{ root.root }}</td>
<td>{% for name, value in root.key.items() %}{{ name }} {{ value }}{% if not loop.last %}, {% endif %}{% endfor %}</td>
<td>{{ root.json_path }}</td><td class="wrap">{{ root.reason }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
</details>
{% endif %}
{% endif %}
{% if run and run.fetches %}
<h2>What it loaded</h2>
<div class="card scroll" tabindex="0" role="region" aria-label="Fetches">
<table>
<thead><tr><th>fetched</th><th>endpoint</th><th>account</th><th class="number">calls</th><th>rows</th></tr></thead>
<tbody>
{% for fetch in run.fetches %}
<tr><td>{{ fetch.fetched_at|moment }}<br><span class="muted small">{{ fetch.fetch_id }}</span></td>
<td>{{ fetch.endpoint }}</td><td>{{ fetch.account }}</td>
<td class="number">{{ fetch.calls|number }}</td>
<td>{% for name, rows in fetch.rows.items() %}{{ rows|number }} {{ name }}{% if not loop.last %}<br>{% endif %}{% endfor %}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% if report.score and report.score.points < 100 %}
<h2>Where the score is lost</h2>
<div class="card scroll" tabindex="0" role="region" aria-label="Score">
<table>
<thead><tr><th>table</th><th class="number">points lost</th><th>why</th></tr></thead>
<tbody>
{% for line in report.score.lines if line.why %}
<tr><td>{{ line.what }}</td><td class="number">{{ line.lost }} of {{ line.points }}</td><td>{{ line.why }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
<h2>{% if run %}All checks of the run{% else %}All tables{% endif %}</h2>
{% for asset in report.assets %}
<details class="card"><summary>{{ asset.asset }}
{% if asset.score %} <span class="muted small">score {{ asset.score.points }}</span>{% endif %}
{% for grade, count in asset.checks|grades %} <span class="small {{ grade|replace(" ", "-") }}">{{ count }} {{ grade }}</span>{% endfor %}
</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Checks of {{ asset.asset }}">
<table class="small">
<thead><tr><th>check</th><th>grade</th>{% if asset.score %}<th>points</th>{% endif %}
<th>made</th>{% if not run %}<th>run</th>{% endif %}<th>account</th></tr></thead>
<tbody>
{% for check in asset.checks %}
<tr><td>{{ check.check }}</td><td class="{{ check.grade|replace(" ", "-") }}">{{ check.grade }}</td>
{% if asset.score %}<td>{{ check|points(asset) }}</td>{% endif %}
<td>{{ check.made_at|moment }}</td>
{% if not run %}<td title="{{ check.run_id }}">{{ check.run_id[:shown] }}</td>{% endif %}<td>{{ check.account }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
</details>
{% endfor %}
</main>
</body>
</html>
"""
