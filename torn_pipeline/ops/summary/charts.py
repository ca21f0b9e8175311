"""The page's charts: Altair's, as SVG that stands in the page, takes its colours from the page's style, and is told in words.

Altair and the converter take seconds to load; nothing but the page imports this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from torn_pipeline.ops.summary.story import DAYS, ENDS, SEEN, SHARES, WEEKS, money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from torn_pipeline.ops.summary.story import Scenario, Story

__all__ = ["Drawing", "draw_charts"]

WIDTH = 400  # of the whole SVG, so that its text can still be read on a phone
HEIGHT = 260
_ROW = 22  # of a horizontal bar
_OPENING = re.compile(r"<svg [^>]*?width=\"(?P<width>[\d.]+)\" height=\"(?P<height>[\d.]+)\"[^>]*>")
_DOLLARS = "replace(replace('$' + format(datum.value, '.3~s'), 'G', 'b'), 'M', 'm')"  # as the game's players write it

Values = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart for the page: its title, what it shows in a sentence, and the SVG (empty when there is nothing to show yet)."""

    title: str
    about: str
    svg: str


def draw_charts(story: Story) -> tuple[Drawing, ...]:
    """The charts of a story, the most telling first."""
    return (
        _drawing(
            "Earnings by payout date", f"The last {DAYS} days; what is not paid out stands at the day it was earned.", *_days(story.days)
        ),
        _drawing("How crimes ended, by week", f"At most {WEEKS} weeks, each from Monday, UTC.", *_weeks(story.weeks)),
        _drawing(
            "What a crime brings",
            "Median money of the successful crimes of each scenario, and how many succeeded; the hardest first.",
            *_scenarios(story.scenarios),
        ),
        _drawing("Where members are", "By state, and by when they last did something.", *_whereabouts(story.whereabouts)),
    )


def _drawing(title: str, about: str, chart: alt.Chart | alt.LayerChart | None, words: str) -> Drawing:
    return Drawing(title, about, "" if chart is None else _svg(chart, title, words))


# --- the charts ----------------------------------------------------------------------------------------------


def _days(days: Mapping[tuple[date, str], int]) -> tuple[alt.Chart | None, str]:
    values: Values = [{"day": day.isoformat(), "share": share, "dollars": dollars} for (day, share), dollars in days.items()]
    chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(size=7)
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(format="%-d %b", grid=False, tickCount=6, labelFlush=True)),
            y=alt.Y("dollars:Q", title=None, axis=alt.Axis(labelExpr=_DOLLARS, tickCount=5, minExtent=44)),
            color=_colour("share", SHARES, ("strong", "soft", "warn")),
            order=alt.Order("place:Q"),
        )
        .transform_calculate(place=f"indexof({list(SHARES)}, datum.share)")
        .properties(width=WIDTH, height=HEIGHT)
    )
    sums = ", ".join(f"{money(sum(part for (_, of), part in days.items() if of == share))} {share}" for share in SHARES)
    return (chart, f"{sums}.") if values else (None, "")


def _weeks(weeks: Mapping[tuple[date, str], int]) -> tuple[alt.Chart | None, str]:
    names = [_day(monday) for monday in dict.fromkeys(monday for monday, _ in weeks)]
    values: Values = [{"week": _day(monday), "end": end, "crimes": crimes} for (monday, end), crimes in weeks.items()]
    chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar()
        .encode(
            x=alt.X("week:O", title=None, sort=names, axis=alt.Axis(labelAngle=0, labelOverlap=True, grid=False)),
            y=alt.Y("crimes:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=5)),
            color=_colour("end", ENDS, ("good", "bad", "none")),
            order=alt.Order("place:Q"),
        )
        .transform_calculate(place=f"indexof({list(ENDS)}, datum.end)")
        .properties(width=WIDTH, height=HEIGHT)
    )
    words = "; ".join(
        f"week of {_day(monday)}: " + ", ".join(f"{weeks[monday, end]} {end}" for end in ENDS)
        for monday in dict.fromkeys(monday for monday, _ in weeks)
    )
    return (chart, f"{words}.") if values else (None, "")


def _scenarios(scenarios: Sequence[Scenario]) -> tuple[alt.LayerChart | None, str]:
    values: Values = [
        {
            "name": scenario.name,
            "dollars": scenario.median_money,
            "text": f"{money(scenario.median_money)} · {scenario.successful} of {scenario.done}",
        }
        for scenario in scenarios
    ]
    most = max((scenario.median_money for scenario in scenarios), default=0)
    y = alt.Y("name:N", title=None, sort=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=125, minExtent=135))
    # Room for the text beside the longest bar.
    x = alt.X("dollars:Q", title=None, scale=alt.Scale(domain=[0, (most or 1) * 2]), axis=None)
    base = alt.Chart(alt.InlineData(values=values))
    bars = base.mark_bar(color="var(--strong)").encode(x=x, y=y)
    texts = base.mark_text(align="left", dx=4, color="var(--text)").encode(x=x, y=y, text="text:N")
    chart = (bars + texts).properties(width=WIDTH, height=_ROW * len(values))
    words = "; ".join(
        f"{scenario.name}: {money(scenario.median_money)}, {scenario.successful} of {scenario.done} succeeded" for scenario in scenarios
    )
    return (chart, f"{words}.") if values else (None, "")


def _whereabouts(whereabouts: Mapping[tuple[str, str], int]) -> tuple[alt.Chart | None, str]:
    values: Values = [{"state": state, "seen": seen, "members": members} for (state, seen), members in whereabouts.items()]
    states: dict[str, int] = {}
    for (state, _), members in whereabouts.items():
        states[state] = states.get(state, 0) + members
    ranked = sorted(states, key=lambda state: (-states[state], state))
    chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar()
        .encode(
            x=alt.X("members:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=6)),
            y=alt.Y("state:N", title=None, sort=ranked, axis=alt.Axis(ticks=False, domain=False, grid=False, minExtent=70)),
            color=_colour("seen", SEEN, ("seen1", "seen2", "seen3", "seen4", "none")),
            order=alt.Order("place:Q"),
        )
        .transform_calculate(place=f"indexof({list(SEEN)}, datum.seen)")
        .properties(width=WIDTH, height=HEIGHT)
    )
    words = "; ".join(
        f"{state}: {states[state]} ("
        + ", ".join(f"{whereabouts[state, seen]} seen {seen}" for seen in SEEN if whereabouts.get((state, seen)))
        + ")"
        for state in ranked
    )
    return (chart, f"{words}.") if values else (None, "")


def _colour(field: str, domain: Sequence[str], colours: Sequence[str]) -> alt.Color:
    """Colours by name: the page's style says what each is, by day and by night."""
    scale = alt.Scale(domain=list(domain), range=[f"var(--{colour})" for colour in colours])
    return alt.Color(
        f"{field}:N", scale=scale, legend=alt.Legend(title=None, orient="top", columns=3, symbolType="square", columnPadding=16)
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


# --- as SVG --------------------------------------------------------------------------------------------------


def _svg(chart: alt.Chart | alt.LayerChart, title: str, words: str) -> str:
    """The chart as an SVG element of a page, with a title and a description for those who do not see it."""
    muted, line, size = "var(--muted)", "var(--line)", 12
    styled = chart.configure(
        background="transparent",
        font="system-ui, sans-serif",
        aria=False,
        autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        padding=2,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(labelColor=muted, labelFontSize=size, gridColor=line, domainColor=line, tickColor=line, labelPadding=4),
        legend=alt.LegendConfig(labelColor=muted, labelFontSize=size, symbolSize=110, symbolStrokeWidth=0, offset=8),
        text=alt.MarkConfig(fontSize=size),
    )
    drawn = vl_convert.vegalite_to_svg(styled.to_dict())
    told = _OPENING.match(drawn)
    if told is None:
        message = f"the chart {title!r} is not the SVG that was expected"
        raise ValueError(message)
    name = re.sub(r"\W+", "-", title.casefold())
    opening = (
        f'<svg viewBox="0 0 {told["width"]} {told["height"]}" role="img" '
        f'aria-labelledby="{name}-title {name}-words"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-words">{escape(words)}</desc>'
    )
    return opening + drawn[told.end() :]
