// What keys do, and the panel that lists them and says what shapes and marks mean.

import { outline } from "./boxes.js";
import { html, svg } from "./elements.js";

const KEYS = [
  ["→ ←", "a step on, a step back"],
  ["Shift → ←", "to the next node, to the node before"],
  ["Space", "play, pause"],
  ["Home End", "to the start, to the end"],
  ["↑ ↓", "in the graph: look at the box or arrow before, at the next"],
  ["Enter", "on a box: open a group, edit a leaf"],
  ["Esc", "close a group"],
  ["+ − 0", "graph larger, smaller, all of it"],
];

// What a key does. Everywhere but in fields, and Space and Enter not on buttons, which have a use for them.
export function pressed(explorer, stage, event) {
  const target = event.target;
  const isWriting = target.matches?.("input:not(.scrubber), select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting) return;
  if ((event.key === " " || event.key === "Enter") && target.matches("button, summary")) return;
  const inGraph = stage.element.contains(target);
  const all = {
    ArrowRight: () => (event.shiftKey ? explorer.goToNode(1) : explorer.goTo(explorer.step + 1)),
    ArrowLeft: () => (event.shiftKey ? explorer.goToNode(-1) : explorer.goTo(explorer.step - 1)),
    Home: () => explorer.goTo(0),
    End: () => explorer.goTo(explorer.trace.last),
    " ": () => explorer.playOrPause(),
    "+": () => stage.magnify(1.25),
    "-": () => stage.magnify(0.8),
    0: () => stage.fit(),
    Escape: () => explorer.close(),
    ...(inGraph && { ArrowUp: () => stage.move(-1), ArrowDown: () => stage.move(1), Enter: () => stage.choose() }),
  };
  if (!Object.hasOwn(all, event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  all[event.key]();
}

const MARKS = [
  ["✓", "a gradient with all its contributions"],
  ["1/2", "one of two contributions has arrived"],
  ["·", "not computed yet"],
  ["‖", "an arrow that lets almost no gradient through"],
  ["┄", "dotted: still to come, or without a derivative"],
  ["━", "wide, pointing back: its contribution has arrived; the wider, the larger"],
];

export function helpPanel({ page }) {
  const keys = KEYS.map(([names, effect]) => [names.split(" ").map((name) => html("kbd", {}, name)), effect]);
  const shapes = Object.entries(page.kinds).map(([kind, style]) => [sample(kind, style), style.label]);
  const lists = [listOf(keys, { class: "keys" }), listOf(shapes), listOf(MARKS)];
  return { element: html("details", { class: "panel help" }, html("summary", {}, "Keys, shapes and marks"), ...lists) };
}

// Signs with their meanings.
function listOf(pairs, attributes = {}) {
  const rows = pairs.map(([sign, meaning]) => [html("dt", {}, ...[sign].flat()), html("dd", {}, meaning)]);
  return html("dl", attributes, ...rows.flat());
}

function sample(kind, style) {
  const box = svg("g", { class: `box ${kind}` }, ...outline(style, 30, 16));
  return svg("svg", { viewBox: "-1 -1 32 18", width: 32, height: 18, "aria-hidden": "true" }, box);
}
