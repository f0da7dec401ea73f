// The boxes of the drawing: nodes and groups, with their numbers, marks and tags.

import { filledIn, mark, svg, write } from "./elements.js";
import { isLeaf } from "../model/engine.js";
import { show } from "../model/numbers.js";
import { gradientAt, isComputed } from "../model/trace.js";

const [MARGIN, APART] = [8, 6]; // beside the texts of a box, and between two of a row

// `shown` is a node, or with a minus sign a group: -1 for the first.
export function boxOf(page, shown, [x, y, width, height]) {
  const isGroup = shown < 0;
  const group = isGroup ? -1 - shown : null;
  const { title, name = title, symbol = "", kind } = isGroup ? page.groups[group] : page.nodes[shown];
  const nodes = isGroup ? page.groups[group].nodes : [shown];
  const style = page.kinds[kind];
  const isRoot = nodes.includes(page.graph.root);
  const isPlain = height < 40; // a constant without a label: one row
  const text = (name, x, y, content) => svg("text", { class: name, x, y }, content);
  const [data, gradient] = [0, 1].map((row) => text("number", width - MARGIN, isPlain ? 17 : 34 + 17 * row, ""));
  const words = isGroup || isPlain ? [] : kind === "constant" ? ["data"] : ["data", "grad"];
  const captions = words.map((word, row) => text("caption", MARGIN, 34 + 17 * row, word));
  const titles = isPlain ? [] : [text("name", MARGIN, 17, name), text("symbol", width - MARGIN, 17, symbol)];
  const rows = [data, gradient].map((number, row) => ({ text: number, beside: captions[row], width }));
  if (titles.length) rows.push({ text: titles[0], beside: titles[1], width });
  const element = svg(
    "g",
    {
      class: isRoot ? `box ${kind} root` : `box ${kind}`,
      transform: `translate(${x} ${y})`,
      role: isGroup ? "button" : "img",
      "aria-label": title,
    },
    ...outline(style, width, height),
    ...(isRoot ? [svg("path", { class: "shape inner", d: shapeOf(style, width - 6, height - 6, 3) })] : []),
    ...titles,
    ...captions,
    data,
    ...(kind === "constant" ? [] : [gradient]),
  );
  return { element, nodes, group, title, x, y, width, height, data, gradient, rows, tags: {} };
}

// What is drawn around a box of a kind: its shape, and of a group also the sides.
export const outline = (style, width, height) => [
  svg("path", { class: "shape", d: shapeOf(style, width, height) }),
  ...(style.hasSides ? [svg("path", { class: "side", d: `M4 0V${height}M${width - 4} 0V${height}` })] : []),
];

// Makes narrower what would run over the text beside it, or out of the box: no sign of a number may be lost, whatever
// font there is. First all is measured, then all is changed, so that the browser lays the drawing out once.
export function squeezeRows(rows, isAll) {
  const changed = rows.filter(({ text, fitted }) => text.isConnected && (isAll || text.textContent !== fitted));
  for (const { text } of changed) ["textLength", "lengthAdjust"].forEach((name) => text.removeAttribute(name));
  const lengths = changed.map(({ text, beside }) => [text, beside].map((each) => each?.getComputedTextLength() ?? 0));
  changed.forEach((row, k) => {
    const [length, taken] = lengths[k];
    const room = Math.max(row.width - 2 * MARGIN - (taken ? taken + APART : 0), MARGIN);
    if (length > room) filledIn(row.text, { textLength: room.toFixed(1), lengthAdjust: "spacingAndGlyphs" });
    row.fitted = row.text.textContent;
  });
}

// A rectangle with corners as the style of a kind has them: of that size, and round or cut.
function shapeOf({ corner: size, isCut }, width, height, inset = 0) {
  const [across, down] = [width - 2 * size, height - 2 * size];
  const corner = (x, y, toX, toY) => (isCut ? `l${toX} ${toY}` : `q${x} ${y} ${toX} ${toY}`);
  return (
    `M${inset + size} ${inset}h${across}${corner(size, 0, size, size)}v${down}${corner(0, size, -size, size)}` +
    `h${-across}${corner(-size, 0, -size, -size)}v${-down}${corner(0, -size, size, -size)}Z`
  );
}

export function updateBox(box, trace, step, parts) {
  const part = box.nodes.map((node) => parts.get(node)).findLast(Boolean) ?? "";
  const state = box.group === null ? stateOfNode(trace, box.nodes[0], step) : stateOfGroup(trace, box.nodes, step);
  mark(box.element, "data-phase", state.phase);
  mark(box.element, "data-part", part);
  write(box.data, state.data);
  write(box.gradient, state.gradient);
  tag(box, "badge", state.badge, box.width);
  tag(box, "part", part === "upstream" || part === "receives" ? part : "", 0);
}

// Puts a tag above a box; most boxes have none.
function tag(box, name, text, x) {
  if (box.tags[name]?.textContent === text) return;
  box.tags[name]?.remove();
  box.tags[name] = text ? svg("text", { class: name, x, y: -4 }, text) : undefined;
  if (text) box.element.insertBefore(box.tags[name], name === "part" ? (box.tags.badge ?? null) : null);
}

// What a box shows; "·" stands for a number that is not there yet.
function stateOfNode(trace, node, step) {
  const computed = isComputed(trace, node, step);
  const data = computed ? show(trace.data[node]) : "·";
  if (trace.graph.nodes[node].kind === "constant") return { phase: "computed", data, gradient: "", badge: "" };
  const { gradient, index, of } = gradientAt(trace, node, step);
  const isWhole = gradient !== null && index === of;
  return {
    phase: isWhole ? "whole" : gradient !== null ? "partial" : computed ? "computed" : "pending",
    data,
    gradient: gradient === null ? "·" : show(gradient),
    badge: isWhole ? "✓" : of > 1 && step >= trace.seedAt ? `${index}/${of}` : "",
  };
}

function stateOfGroup(trace, nodes, step) {
  const inner = nodes.filter((node) => !isLeaf(trace.graph.nodes[node]));
  const computed = inner.filter((node) => isComputed(trace, node, step)).length;
  const gradients = nodes.map((node) => gradientAt(trace, node, step)).filter(({ of }) => of);
  const whole = gradients.filter(({ index, of }) => index === of).length;
  const isWhole = whole > 0 && whole === gradients.length;
  const progress = step < trace.seedAt ? `${computed}/${inner.length} data` : `${whole}/${gradients.length} grad`;
  return {
    phase: isWhole ? "whole" : whole ? "partial" : computed === inner.length ? "computed" : "pending",
    data: `${nodes.length} nodes`,
    gradient: progress,
    badge: isWhole ? "✓" : "",
  };
}
