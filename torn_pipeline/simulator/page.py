"""The page of controls, whole: it needs nothing from the network but ``/control``, and puts data in as text, never as HTML."""

from __future__ import annotations

__all__ = ["PAGE"]

_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --card: #ffffff; --line: #dfe3e8; --text: #1c2530; --soft: #5d6b7a; --accent: #b3541e; --on-accent: #ffffff;
  --good: #2f7d4f; --bad: #b3261e; --wash: #f7efe9; --field: #ffffff;
  --Recruiting: #8aa4c8; --Planning: #3f6fb0; --Successful: #3f9162; --Failure: #c2493f; --Expired: #a9b0b8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181d; --card: #1d232a; --line: #303944; --text: #e6eaee; --soft: #9aa7b4; --accent: #e08a52; --on-accent: #1b120b;
    --good: #6cc48f; --bad: #f0877f; --wash: #2b241f; --field: #161b21;
    --Recruiting: #5d789c; --Planning: #5b93dd; --Successful: #55b57e; --Failure: #e0665b; --Expired: #66707b;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 20px 16px 48px; display: grid; gap: 16px; }
header { display: flex; flex-wrap: wrap; gap: 4px 24px; align-items: baseline; justify-content: space-between; }
h1 { font-size: 22px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 12px; margin: 0 0 12px; color: var(--soft); text-transform: uppercase; letter-spacing: 0.07em; font-weight: 650; }
h3 { font-size: 17px; margin: 0; overflow-wrap: anywhere; }
p { margin: 0; }
section, article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; min-width: 0; }
.soft { color: var(--soft); }
.small { font-size: 13px; }
.columns { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); }
.row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.spread { justify-content: space-between; }
.row > h2 { margin: 0; }
.stack { display: grid; gap: 16px; align-content: start; min-width: 0; }
.tall { max-height: 640px; overflow: auto; }
.path { white-space: nowrap; }
.clock { font-size: 30px; font-weight: 640; font-variant-numeric: tabular-nums; letter-spacing: -0.02em; line-height: 1.2; }
.time { display: flex; flex-wrap: wrap; gap: 16px 28px; align-items: flex-start; justify-content: space-between; }
.group > .soft { display: block; margin-bottom: 4px; }
button, select, input {
  font: inherit; color: inherit; background: var(--field); border: 1px solid var(--line); border-radius: 8px; padding: 5px 11px;
  min-height: 36px;
}
article button, article select, .time button { font-size: 14px; padding: 4px 9px; min-height: 34px; }
button { cursor: pointer; }
button:hover { border-color: var(--accent); }
button.on, button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
input { width: 100%; min-width: 0; }
label { display: grid; gap: 3px; font-size: 13px; color: var(--soft); min-width: 0; }
label > * { color: var(--text); font-size: 15px; width: 100%; }
.form { display: grid; gap: 10px; margin: 10px 0; align-items: end;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 190px), 1fr)); }
.facts { display: grid; grid-template-columns: repeat(4, 1fr); gap: 10px; margin: 14px 0; }
.facts b { display: block; font-size: 19px; font-weight: 620; font-variant-numeric: tabular-nums; line-height: 1.3; }
.bar { display: flex; gap: 2px; height: 12px; border-radius: 6px; overflow: hidden; background: var(--line); }
.key { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 8px 0 14px; font-size: 13px; }
.key i { display: inline-block; width: 9px; height: 9px; border-radius: 3px; margin-right: 5px; }
.pill { border-radius: 999px; padding: 2px 10px; font-size: 13px; background: var(--wash); color: var(--accent); font-weight: 600; }
.pill.still { background: transparent; color: var(--soft); border: 1px solid var(--line); font-weight: 400; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
tr:last-child td { border-bottom: 0; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
#base { white-space: pre-line; }
code { font: 13px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.line { display: flex; gap: 10px; align-items: center; justify-content: space-between; background: var(--ground); border-radius: 8px;
  padding: 4px 4px 4px 12px; margin-bottom: 12px; }
.bad { color: var(--bad); }
meter { width: 84px; height: 10px; vertical-align: middle; }
#said { position: fixed; left: 50%; bottom: 18px; transform: translateX(-50%); max-width: calc(100vw - 32px); background: var(--text);
  color: var(--ground); padding: 9px 16px; border-radius: 10px; opacity: 0; transition: opacity 0.2s; pointer-events: none; }
#said.up { opacity: 1; }
#said.wrong { background: var(--bad); }
@media (max-width: 640px) {
  .clock { font-size: 25px; }
  .facts { grid-template-columns: repeat(2, 1fr); }
  .wide { display: none; }
  section, article { padding: 14px; }
  .keys thead { display: none; }
  .keys tr { display: grid; grid-template-columns: 1fr 1fr; gap: 6px 10px; padding: 12px 0; border-bottom: 1px solid var(--line); }
  .keys tr:last-child { border-bottom: 0; }
  .keys td { border: 0; padding: 0; }
  .keys td:nth-child(5) { grid-column: span 2; }
  .keys select, .keys button { width: 100%; }
}
"""

_SCRIPT = r"""
"use strict";
const byId = (id) => document.getElementById(id);
const seen = {};
let state = null, kind = "";

function el(tag, given, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given || {})) {
    if (name === "on") for (const [what, act] of Object.entries(value)) made.addEventListener(what, act);
    else if (name === "style") for (const [rule, to] of Object.entries(value)) made.style.setProperty(rule, to);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...inside.filter((one) => one !== null && one !== undefined).map((one) => one instanceof Node ? one : String(one)));
  return made;
}
const number = (value) => Number(value).toLocaleString("en");
const money = (value) => "$" + number(value);
const plain = (moment) => moment.replace("T", " ").replace("Z", "");

function say(text, wrong) {
  const said = byId("said");
  said.textContent = text;
  said.className = wrong ? "up wrong" : "up";
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.className = ""; }, wrong ? 6000 : 3000);
}

async function post(what, body) {
  try {
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body || {}) };
    const answer = await fetch("/control/" + what, options);
    const told = await answer.json();
    say(told.done || told.error, !answer.ok);
  } catch (error) { say("The simulator does not answer.", true); }
  await look();
}

async function look() {
  try {
    state = await (await fetch("/control/state")).json();
    document.body.classList.remove("away");
  } catch (error) { byId("still").textContent = "the simulator does not answer"; return; }
  show();
}

// A part is drawn again when what it shows has changed, but not under somebody's hands.
function part(id, shown, draw) {
  const place = byId(id), text = JSON.stringify(shown);
  const busy = place.contains(document.activeElement) && document.activeElement.matches("select, input");
  if (seen[id] === text || busy) return;
  seen[id] = text;
  place.replaceChildren(...draw());
}

function show() {
  byId("clock").textContent = plain(state.time);
  byId("still").textContent = pace(state.speed);
  for (const button of document.querySelectorAll("[data-speed]"))
    button.classList.toggle("on", Number(button.dataset.speed) === state.speed);
  byId("about").textContent = `seed ${state.seed}, ${number(state.received)} calls so far`;
  byId("base").textContent = state.exports.join("\n");
  part("factions", state.factions, () => state.factions.map(faction));
  part("keys", [state.keys, state.limit], () => state.keys.map(keyRow));
  part("calls", state.calls, calls);
  part("active", [state.faults, state.chaos], faults);
  if (!byId("kind").options.length) prepare();
  if (document.activeElement !== byId("shape")) byId("shape").value = state.shape;
}

function pace(speed) {
  return speed === 0 ? "stands still" : speed === 1 ? "in real time" : `${number(speed)} times as fast as real time`;
}

function faction(one) {
  const total = Math.max(1, Object.values(one.crimes).reduce((sum, count) => sum + count, 0));
  const status = el("select", { ariaLabel: "status of a new crime" }, ...state.statuses.map((name) => el("option", { value: name }, name)));
  const act = (words, what, more) => el("button", { on: { click: () => post(what, { faction: one.id, ...(more ? more() : {}) }) } }, words);
  return el("article", {},
    el("div", { className: "row spread" },
      el("h3", {}, one.name, " ", el("span", { className: "soft small" }, `[${one.tag}] ${one.id}`)),
      el("span", { className: "soft small" }, `${one.rank}, ${number(one.respect)} respect`)),
    el("div", { className: "facts" },
      ...[["members", one.members], ["attacks", one.attacks], ["chains", one.chains], ["news", one.news]].map(
        ([name, count]) => el("div", {}, el("b", {}, number(count)), el("span", { className: "soft small" }, name)))),
    el("div", { className: "bar", role: "img", ariaLabel: "crimes by status" },
      ...state.statuses.filter((name) => one.crimes[name]).map((name) =>
        el("span", { title: `${name}: ${one.crimes[name]}`,
          style: { width: 100 * one.crimes[name] / total + "%", background: `var(--${name})` } }))),
    el("div", { className: "key" },
      ...state.statuses.map((name) => el("span", {}, el("i", { style: { background: `var(--${name})` } }), `${name} ${one.crimes[name]}`))),
    el("div", { className: "row" }, chainOf(one), warOf(one), el("span", { className: "pill still" }, `${money(one.money)} in the vault`),
      el("span", { className: "pill still" }, `${one.former} former`)),
    el("div", { className: "row", style: { "margin-top": "14px" } },
      status, act("Add crime", "crime", () => ({ status: status.value })), act("Attack", "attack"),
      act("Attacked", "attack", () => ({ incoming: true })), act("Join", "join"), act("Leave", "leave")));
}

function chainOf(one) {
  if (!one.chain) return el("span", { className: "pill still" }, "no chain");
  return el("span", { className: "pill" }, `chain ${one.chain.current} of ${one.chain.max}, ${one.chain.timeout} s left`);
}

function warOf(one) {
  if (!one.war) return el("span", { className: "pill still" }, "no ranked war");
  const [own, other] = [...one.war.sides].sort((a, b) => (b.id === one.id) - (a.id === one.id));
  const how = one.war.winner ? "ended" : "at war";
  return el("span", { className: "pill" }, `${how}: ${number(own.score)} to ${number(other.score)} against ${other.name}`);
}

function keyRow(one) {
  const states = el("select", { ariaLabel: `state of the key of ${one.owner}`, on: { change: (event) => {
    event.target.blur(); post("key", { key: one.key, state: event.target.value }); } } },
    ...state.states.map((name) => el("option", { value: name, selected: name === one.state }, name)));
  return el("tr", {},
    el("td", {}, el("b", {}, one.name || "a stranger"), " ", el("span", { className: "soft small" }, one.owner)),
    el("td", {}, one.access, one.faction_access ? "" : el("span", { className: "soft small" }, ", no faction access")),
    el("td", { className: "wide" }, one.faction),
    el("td", { className: "wide" }, el("code", {}, one.key)),
    el("td", { title: "calls of this owner that count now" },
      el("meter", { min: 0, max: state.limit.calls, high: 0.95 * state.limit.calls, value: one.calls }), " ",
      el("span", { className: "soft small" }, `${one.calls} of ${state.limit.calls}`)),
    el("td", {}, states),
    el("td", {}, el("button", { on: { click: () => copy(one.export) } }, "Copy export")));
}

async function copy(text) {
  try { await navigator.clipboard.writeText(text); say("Copied."); } catch (error) { say(text); }
}

function calls() {
  if (!state.calls.length) return [el("tr", {}, el("td", { className: "soft", colSpan: 5 }, "Nobody has called yet."))];
  return state.calls.map((one) => el("tr", {},
    el("td", { className: "n soft small" }, one.number),
    el("td", { className: "wide small soft", title: "in the world: " + plain(one.world) }, plain(one.at).slice(11)),
    el("td", {}, el("code", { className: "path" }, one.path || "/"), one.query ? el("code", { className: "soft" }, "?" + one.query) : null),
    el("td", { className: "wide" }, one.owner === null ? el("span", { className: "soft" }, "unknown") : one.owner),
    el("td", { className: /error|instead/.test(one.answer) ? "bad" : "" }, one.answer)));
}

function faults() {
  if (!state.faults.length && !state.chaos) return [el("p", { className: "soft" }, "None: every answer is as it should be.")];
  const percent = state.chaos && Math.round(state.chaos.share * 100);
  const chaos = state.chaos ? [el("p", {}, el("b", {}, "Chaos"), ` ${percent} % of the other calls go wrong`)] : [];
  return chaos.concat(state.faults.map((one) => {
    const { kind, path, call, times, ...rest } = one;
    const more = Object.entries(rest).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
    const span = times > 1e6 ? "until cleared" : times === 1 ? "once" : `${number(times)} times`;
    return el("p", {}, el("b", {}, kind), ` ${more.join(", ")} `,
      el("span", { className: "soft" }, `${span}, from call ${number(call)}${path ? ` of ${path}` : ""}`));
  }));
}

function prepare() {
  byId("kind").append(...state.kinds.map((one) => el("option", { value: one.kind }, one.kind)));
  byId("kind").value = "ErrorCode";
  byId("shape").append(...state.shapes.map((name) => el("option", { value: name }, name)));
  chosen();
}

function chosen() {
  kind = state.kinds.find((one) => one.kind === byId("kind").value);
  byId("means").textContent = kind.means.replaceAll("``", "");
  byId("parameters").replaceChildren(...kind.parameters.map((one) =>
    el("label", {}, `${one.name} (${one.is}${one.needed ? ", needed" : ""})`, el("input", { name: one.name, value: shownDefault(one) }))));
}

function shownDefault(one) {
  if (one.default === null) return "";
  return typeof one.default === "string" ? one.default : JSON.stringify(one.default);
}

function parameter(one, text) {
  if (one.is === "text") return text;
  try { return JSON.parse(text); } catch (error) { return text; }
}

function addFault() {
  const body = { kind: kind.kind, path: byId("path").value.trim(), call: Number(byId("call").value), times: Number(byId("times").value) };
  if (kind.kind === "KeyDies") delete body.times;
  for (const one of kind.parameters) {
    const text = byId("parameters").querySelector(`[name="${one.name}"]`).value;
    if (text !== "") body[one.name] = parameter(one, text);
  }
  post("fault", body);
}

for (const button of document.querySelectorAll("[data-speed]"))
  button.addEventListener("click", () => post("speed", { speed: Number(button.dataset.speed) }));
for (const button of document.querySelectorAll("[data-advance]"))
  button.addEventListener("click", () => post("advance", { seconds: Number(button.dataset.advance) }));
byId("kind").addEventListener("change", chosen);
byId("add").addEventListener("click", addFault);
byId("clear").addEventListener("click", () => post("clear"));
byId("chaos").addEventListener("click", () => post("chaos", { share: 0.2 }));
byId("shape").addEventListener("change", (event) => { event.target.blur(); post("shape", { shape: event.target.value }); });
byId("copy").addEventListener("click", () => copy(byId("base").textContent));
look();
setInterval(() => { if (!document.hidden) look(); }, 2000);
"""

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='4' fill='%23b3541e'/%3E%3Cpath d='M4 5h8M8 5v7' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
)

_BODY = """
<main>
  <header>
    <h1>Torn simulator</h1>
    <p class="soft small" id="about"></p>
  </header>
  <section class="time">
    <div class="group">
      <span class="soft small">World time, UTC</span>
      <div class="clock" id="clock">…</div>
      <span class="small soft" id="still"></span>
    </div>
    <div class="group">
      <span class="soft small">Speed</span>
      <div class="row">
        <button data-speed="0">Still</button>
        <button data-speed="1">Real time</button>
        <button data-speed="60">60 times</button>
        <button data-speed="3600">3,600 times</button>
      </div>
    </div>
    <div class="group">
      <span class="soft small">Go forward</span>
      <div class="row">
        <button data-advance="300">5 min</button>
        <button data-advance="3600">1 hour</button>
        <button data-advance="86400">1 day</button>
        <button data-advance="604800">1 week</button>
      </div>
    </div>
  </section>
  <div class="columns" id="factions"></div>
  <section>
    <h2>Keys</h2>
    <div class="line"><code id="base"></code><button id="copy">Copy</button></div>
    <div class="scroll">
      <table class="keys">
        <thead><tr><th>Owner</th><th>Level</th><th class="wide">Faction</th><th class="wide">Key</th><th>Last minute</th><th>State</th>
          <th></th></tr></thead>
        <tbody id="keys"></tbody>
      </table>
    </div>
  </section>
  <div class="columns">
    <div class="stack">
      <section>
        <div class="row spread"><h2>Faults</h2><span><button id="chaos" title="A fifth of the calls go wrong by chance">Chaos</button>
        <button id="clear">Clear all</button></span></div>
        <div id="active"></div>
        <div class="form">
          <label>Kind<select id="kind"></select></label>
          <label>Path, any when empty<input id="path" placeholder="/faction/crimes"></label>
          <label>From which call on<input id="call" type="number" min="1" value="1" title="1 is the next call"></label>
          <label>How many times<input id="times" type="number" min="1" value="1"></label>
        </div>
        <p class="soft small" id="means"></p>
        <div class="form" id="parameters"></div>
        <button class="main" id="add">Add fault</button>
      </section>
      <section>
        <h2>Shape</h2>
        <div class="row">
          <select id="shape" aria-label="shape"></select>
          <span class="soft small">is the API's version that answers look like</span>
        </div>
      </section>
      <section>
        <h2>For scripts</h2>
        <p class="small">The same as JSON: <code>GET /control/state</code>, and <code>POST /control/advance</code>, <code>speed</code>,
        <code>shape</code>, <code>crime</code>, <code>attack</code>, <code>join</code>, <code>leave</code>, <code>key</code>,
        <code>fault</code>, <code>chaos</code>, <code>clear</code> with a JSON object.</p>
      </section>
    </div>
    <section>
      <h2>Last calls</h2>
      <div class="scroll tall">
        <table>
          <thead><tr><th></th><th class="wide">Time</th><th>Asked</th><th class="wide">Owner</th><th>Answered</th></tr></thead>
          <tbody id="calls"></tbody>
        </table>
      </div>
    </section>
  </div>
</main>
<div id="said" role="status"></div>
"""

PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Torn simulator</title>
<link rel="icon" href="{_ICON}">
<style>{_STYLE}</style>
</head>
<body>{_BODY}<script>{_SCRIPT}</script></body>
</html>
"""
"""The HTML."""
