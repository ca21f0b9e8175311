"""The page that sums up runs: one HTML file that needs nothing else, no network and no script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torn_pipeline.ops.style import PAGE_HEAD, STYLE
from torn_pipeline.ops.summary.outcomes import HEAD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from torn_pipeline.ops.summary.charts import Drawing
    from torn_pipeline.ops.summary.outcomes import RunOutcome
    from torn_pipeline.ops.summary.story import Figure

__all__ = ["NextStep", "html_page"]


@dataclass(frozen=True, slots=True)
class NextStep:
    """Something to do next: what, the lines to type (none for a mere hint), and where to read on (URL and its text)."""

    what: str
    lines: tuple[str, ...] = ()
    link: tuple[str, str] | None = None


def html_page(
    title: str,
    about: str,
    at: datetime,
    *,
    outcomes: Sequence[RunOutcome],
    steps: Sequence[NextStep],
    figures: Sequence[Figure] = (),
    drawings: Sequence[Drawing] = (),
) -> str:
    """The page: large numbers, charts, the table of assets, what to do next. All text but the drawings' SVG is escaped.

    Args:
        title: the heading.
        about: a sentence or two below it.
        at: when the page was made, in UTC.
        outcomes: what the runs did, for the table of assets.
        steps: what to do next.
        figures: the large numbers.
        drawings: the charts.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page: str = environment.from_string(PAGE_HEAD + _PAGE).render(
        title=title,
        about=about,
        at=at.strftime("%Y-%m-%d %H:%M UTC"),
        head=HEAD,
        outcomes=outcomes,
        steps=steps,
        figures=figures,
        drawings=drawings,
        checks=_counts(outcomes),
        style=STYLE,
    )
    return page


def _counts(outcomes: Sequence[RunOutcome]) -> str:
    """A sentence on all runs together."""
    assets = [asset for outcome in outcomes for asset in outcome.assets]
    passed, warned, failed = (sum(getattr(asset.checks, name) for asset in assets) for name in ("passed", "warned", "failed"))
    seconds = sum(asset.seconds or 0 for asset in assets)
    rows = sum(asset.fetched or 0 for asset in assets if not asset.key.startswith("raw/"))
    return f"{rows:,} rows fetched in {seconds:.1f} s; {passed} checks passed, {warned} warned, {failed} failed."


_PAGE = """\
<p class="muted">{{ about }} {{ at }}.</p>
{% if figures %}
<dl class="figures">
{% for figure in figures %}
<div><dt>{{ figure.label }}</dt><dd class="value">{{ figure.value }}</dd><dd class="muted small">{{ figure.note }}</dd></div>
{% endfor %}
</dl>
{% endif %}
{% if drawings %}
<div class="charts">
{% for drawing in drawings %}
<figure class="card">
<figcaption><h3>{{ drawing.title }}</h3><p class="muted small">{{ drawing.about }}</p></figcaption>
{% if drawing.svg %}
{{ drawing.svg|safe }}
{% else %}
<p class="muted">Nothing to show yet.</p>
{% endif %}
</figure>
{% endfor %}
</div>
{% endif %}
<h2>Go on</h2>
<div class="card">
<ol>
{% for step in steps %}
<li>{{ step.what }}{% if step.link %} <a href="{{ step.link[0] }}">{{ step.link[1] }}</a>{% endif %}
{% if step.lines %}
<pre tabindex="0">{{ step.lines|join("\n") }}</pre>
{% endif %}
</li>
{% endfor %}
</ol>
</div>
<h2>What the runs did</h2>
{% for outcome in outcomes if outcome.error %}
<p class="error">{{ outcome.endpoint }} for {{ outcome.account }}: {{ outcome.error }}</p>
{% endfor %}
<p class="muted small">{{ checks }} <b>raw/…</b> is what the API answered, <b>torn/…</b> are the tables made from it.</p>
<div class="card scroll" tabindex="0" role="region" aria-label="Assets">
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
</main>
</body>
</html>
"""
