// What Python wrote into the page (autograd/explorer/page_data.py), decoded: the graph, its leaves, and its pictures.

import { isLeaf } from "./engine.js";
import { decode } from "./numbers.js";

// `operations` is what engine.js computes with.
export function pageOf(text, operations) {
  const data = JSON.parse(text);
  const nodes = data.nodes.map((row) => nodeOf(row, data.uses));
  const examples = data.examples.map(({ title, numbers }) => ({ title, numbers: decodedNumbers(numbers) }));
  const leaves = [...nodes.keys()].filter((k) => isLeaf(nodes[k]));
  const own = new Set(Object.keys(examples[0].numbers).map(Number));
  const shared = Object.fromEntries(leaves.filter((k) => !own.has(k)).map((k) => [k, nodes[k].data]));
  const movable = leaves.filter((k) => nodes[k].kind !== "constant");
  const moved = movable.filter((k) => !own.has(k));
  const parameters = moved.filter((k) => nodes[k].kind === "parameter");
  const kinds = Object.keys(data.kinds);
  const rank = (k) => (nodes[k].name === "" ? kinds.length : own.has(k) ? -1 : kinds.indexOf(nodes[k].kind));
  return {
    ...data,
    graph: { nodes, root: nodes.length - 1 },
    nodes,
    operations,
    examples,
    shared,
    movable,
    hasParameters: parameters.length > 0,
    learning: parameters.length ? parameters : moved,
    leaves: [...leaves].sort((k, other) => rank(k) - rank(other) || k - other),
    groups: data.groups.map((group) => ({ ...group, nodes: group.nodes.flatMap(range) })),
    views: data.views.map((view) => ({ ...view, ...layoutOf(data.layouts[view.layout]) })),
  };
}

// A box of a graph that is too large, which stands for many nodes, has a name, a kind and operands, and no number.
function nodeOf([name, title, kind, number, operands = [], use = null, locals = null], uses) {
  const { symbol = "", op = null, cuts = false, forms, given } = uses[use] ?? {};
  const of = { operands, symbol, op, cuts, forms, given, locals: locals?.map(decode) };
  return { name, title: title || name, kind, data: decode(number ?? NaN), ...of };
}

const decodedNumbers = (numbers) =>
  Object.fromEntries(Object.entries(numbers).map(([k, number]) => [k, decode(number)]));

const range = ([first, last]) => Array.from({ length: last - first + 1 }, (_, k) => first + k);

function layoutOf({ size: [width, height], boxes: places, arrows }) {
  const decoded = arrows.map(([from, to, count, steps]) => [from, to, count, pointsOf(steps)]);
  return { width, height, places, arrows: decoded };
}

// The points of a curve x, y, x, y, ... from the first and the steps from each to the next.
function pointsOf(steps) {
  const points = [];
  steps.forEach((step, k) => points.push(step + (k < 2 ? 0 : points[k - 2])));
  return points;
}
