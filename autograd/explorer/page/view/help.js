// The panel that lists the keys, and what shapes and marks mean.

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

const MARKS = [
  ["✓", "a gradient with all its contributions"],
  ["1/2", "one of two contributions has arrived"],
  ["·", "not computed yet"],
  ["‖", "an arrow that lets next to no gradient through"],
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
