// The graph as SVG: boxes and arrows where Python put them.
//
// What is done, pending and active is distinguished by width, dash and marks as well as by color: an arrow that has
// carried its contribution is wide and points back to the operand; the active one is the widest and has its local
// derivative on it; one along which almost nothing comes through has a bar across.

import { arrowOf, placeAtMiddle, updateArrow } from "./arrows.js";
import { boxOf, squeezeRows, updateBox } from "./boxes.js";
import { svg } from "./elements.js";
import { factorOrZero } from "./words.js";
import { edgeKey } from "../model/trace.js";

// The drawing of one view. A thing in it is a box {element, nodes, group} or an arrow {element, edges, from, to}.
// `squeeze` is to be called once it is in the page.
export function drawingOf(page, view) {
  const boxes = view.boxes.map((shown, k) => boxOf(page, shown, view.places[k]));
  const arrows = view.arrows.map((place) => arrowOf(boxes, place));
  const boxAt = new Map(boxes.flatMap((box) => box.nodes.map((node) => [node, box])));
  const arrowAt = edgesOnArrows(page, arrows, boxAt);
  const note = svg("g", { class: "note" }); // the local derivative on the active arrow
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${view.width} ${view.height}`, class: "graph", role: "group", "aria-label": "computation graph" },
    ...[...arrows, ...boxes].map(({ element }) => element),
    note,
  );
  const things = inReadingOrder(boxes, arrows);
  things[0].element.setAttribute("tabindex", "0");
  const thingOf = new Map(things.map((thing) => [thing.element, thing]));
  const thingAt = (element) => thingOf.get(element.closest(".box, .arrow")) ?? null;

  // Shows a step. Returns the boxes that it is about, among them undefined for what is not in this view.
  function update(trace, step) {
    const event = trace.steps[step];
    const parts = partsOf(trace, event);
    for (const box of boxes) updateBox(box, trace, step, parts);
    for (const arrow of arrows) updateArrow(arrow, trace, step);
    squeeze(false);
    const arrow = event.kind === "edge" && arrowAt.get(edgeKey(event));
    const isNoted = arrow && !trace.isRecorded;
    note.replaceChildren(...(isNoted ? [placeAtMiddle(svg("text", {}, `× ${factorOrZero(event.local)}`), arrow)] : []));
    const about = event.kind === "edge" ? [event.result, event.operand] : event.kind === "start" ? [] : [event.node];
    return about.map((node) => boxAt.get(node));
  }

  // Makes texts fit that have changed, or all of them.
  const squeeze = (isAll) => squeezeRows(boxes.flatMap(({ rows }) => rows), isAll);

  // Takes the keyboard's place to the next of the things, or with -1 to the one before.
  function move(by) {
    const now = things.findIndex(({ element }) => element.getAttribute("tabindex") === "0");
    const isThere = things[now].element.matches(":focus");
    const next = things[Math.min(Math.max(now + (isThere ? by : 0), 0), things.length - 1)];
    things[now].element.setAttribute("tabindex", "-1");
    next.element.setAttribute("tabindex", "0");
    next.element.focus();
  }

  return { picture, thingAt, update, squeeze, move };
}

// Which part nodes have in an event.
function partsOf(trace, { kind, node, result, operand }) {
  const parts = new Map();
  if (kind === "forward") {
    for (const each of trace.graph.nodes[node].operands) parts.set(each, "operand");
    parts.set(node, "computes");
  }
  if (kind === "seed") parts.set(node, "receives");
  if (kind === "edge") parts.set(result, "upstream").set(operand, "receives");
  return parts;
}

// Every edge is on the arrow between the boxes of its ends; of several such arrows the first is for the first edge.
function edgesOnArrows(page, arrows, boxAt) {
  const ends = (from, to) => `${from?.nodes[0]}:${to?.nodes[0]}`;
  const between = Map.groupBy(arrows, ({ from, to }) => ends(from, to));
  const taken = new Map();
  const arrowAt = new Map();
  page.nodes.forEach(({ operands }, result) =>
    operands.forEach((operand, position) => {
      const alike = between.get(ends(boxAt.get(operand), boxAt.get(result))) ?? [];
      const count = taken.get(alike) ?? 0;
      taken.set(alike, count + 1);
      const arrow = alike[Math.min(count, alike.length - 1)];
      if (!arrow) return; // within one box
      arrow.edges.push({ result, position, operand });
      arrowAt.set(edgeKey({ result, position }), arrow);
    }),
  );
  return arrowAt;
}

// Operands before results, and before each box the arrows into it.
function inReadingOrder(boxes, arrows) {
  const into = new Map(boxes.map((box) => [box, []]));
  for (const arrow of arrows) into.get(arrow.to).push(arrow);
  const ordered = [...boxes].sort((box, other) => box.nodes.at(-1) - other.nodes.at(-1));
  return ordered.flatMap((box) => [...into.get(box), box]);
}
