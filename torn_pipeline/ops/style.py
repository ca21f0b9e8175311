"""How our pages look: light and dark, on a screen and on a phone, with nothing from elsewhere."""

from __future__ import annotations

__all__ = ["PAGE_HEAD", "STYLE"]

PAGE_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>
{{ style|safe }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
"""
"""What a page begins with, up to its heading: a template of Jinja2 that takes ``title`` and ``style``."""

STYLE = """\
:root { color-scheme: light dark; --text: #1c2430; --muted: #5a6878; --line: #dde3ea; --page: #f4f6f9; --card: #fff; --code: #eef2f6;
  --good: #1a7f4b; --warn: #b8770a; --bad: #c1272d; --none: #aeb9c6; --link: #0b63b5;
  --strong: #1f6fb2; --soft: #8fc1e8;
  --seen1: #0f5c6e; --seen2: #2f93a5; --seen3: #85c5cf; --seen4: #d9a441; }
@media (prefers-color-scheme: dark) { :root { --text: #e6ebf1; --muted: #9aa8b8; --line: #2e3945; --page: #11161c; --card: #19212a;
  --code: #232d38; --good: #4fbf83; --warn: #e5ae3c; --bad: #ff7b7b; --none: #566473; --link: #79b8f5;
  --strong: #4d9fe6; --soft: #24578a;
  --seen1: #a5e4ee; --seen2: #4fb5c7; --seen3: #26707f; --seen4: #b98428; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2.25rem 1rem 3rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 66rem; margin: 0 auto; }
h1 { margin: 0 0 .25rem; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.15rem; }
h3 { margin: 0; font-size: 1rem; }
p { margin: 0; }
a { color: var(--link); }
.muted { color: var(--muted); }
.small { font-size: .87rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: .75rem; margin: 1.5rem 0 .75rem; padding: 0; }
.figures div, .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.figures div { padding: .8rem 1rem; }
.figures dt { color: var(--muted); font-size: .87rem; }
.figures dd { margin: 0; }
.figures .value { font-size: 1.9rem; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: .75rem; }
.charts figure { margin: 0; padding: 1rem; display: flex; flex-direction: column; gap: .5rem; }
.charts svg { display: block; width: 100%; height: auto; overflow: visible; }
@media (max-width: 40rem) { .figures { grid-template-columns: 1fr 1fr; } .figures .value { font-size: 1.5rem; } }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .93rem; }
th, td { padding: .4rem .9rem; text-align: left; white-space: nowrap; }
th { color: var(--muted); font-weight: 600; }
tbody tr { border-top: 1px solid var(--line); }
tbody tr.raw td:first-child { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.passed { color: var(--good); } .warned { color: var(--warn); } .failed, .error { color: var(--bad); }
.error { margin: .75rem 0 0; }
ol { margin: 0; padding: 1rem 1rem 1rem 2.4rem; }
li + li { margin-top: .9rem; }
pre { margin: .35rem 0 0; padding: .6rem .8rem; background: var(--code); border-radius: .4rem; overflow-x: auto;
  font: 13px/1.5 ui-monospace, monospace; }
"""
