// What a step, a node, an edge and a message say: in symbols, in numbers, and aloud.

import { isLeaf } from "../model/engine.js";
import { factor, show } from "../model/numbers.js";
import { edgeKey, gradientAt, isComputed } from "../model/trace.js";

// A formula with its operands put in: "#1·#2" becomes "a·b". #0 stands for the result. A negative number is put into
// parentheses, unless it comes first or has some already.
function filled(formula, parts) {
  const places = /\^#(\d+)|(?<=[(,] ?)#(\d+)(?=[,)])|^#(\d+)(?![\^²³⁰-⁹])|#(\d+)/g;
  return formula.replace(places, (_, power, inside, first, k) =>
    power ? raised(parts[power]) : k ? enclosed(parts[k]) : parts[inside ?? first],
  );
}

const raised = (part) => (/^\d+$/.test(part) ? part.replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]) : `^${enclosed(part)}`);

const enclosed = (part) => (part.startsWith("−") ? `(${part})` : part);

// The name of a node; of a constant without a label its number.
export const nameOf = (trace, k) => trace.graph.nodes[k].name || show(trace.data[k]);

const namesAround = (trace, k) => [k, ...trace.graph.nodes[k].operands].map((node) => nameOf(trace, node));

// How the operation of a node is written: with plain numbers in it where they are still the same, the 2 of x².
function formOf(trace, k) {
  const { forms, given, operands } = trace.graph.nodes[k];
  const isSame = given.every((number, j) => number === null || number === trace.data[operands[j]]);
  return forms[isSame ? 0 : forms.length - 1];
}

// A node's operation in symbols, "a·b", and in numbers, "2·(−3)".
export function operationInWords(trace, k) {
  const { forward } = formOf(trace, k);
  const numbers = [k, ...trace.graph.nodes[k].operands].map((node) => show(trace.data[node]));
  return { symbolic: filled(forward, namesAround(trace, k)), numeric: filled(forward, numbers) };
}

// The local derivative of an edge: what it is called, "∂c/∂a", and its formula, "b".
function localInWords(trace, { result, position }) {
  const names = namesAround(trace, result);
  const formula = formOf(trace, result).partials[position];
  return { fraction: [`∂${names[0]}`, `∂${names[position + 1]}`], formula: filled(formula, names) };
}

const ordinal = (k) => `${k}${(k % 100 > 10 && k % 100 < 14 ? "" : ["", "st", "nd", "rd"][k % 10]) || "th"}`;

export const factorOrZero = (local) => factor(local ?? 0);

// The equation of a step. `symbolic` is a line in pieces: text, or a fraction [over, under]. `terms` is the line of
// numbers, each [what is shown, what it is called, its part in the chain rule], an operator without the latter two.
// `effect` is a line of text, and `spoken` is all of it in a sentence. Where `isProse`, the symbolic line is words.
export function equationOf(trace, step) {
  const event = trace.steps[step];
  if (event.equation) return event.equation; // it was recorded
  const equations = { start: startEquation, forward: nodeEquation, seed: seedEquation, edge: edgeEquation };
  return equations[event.kind](trace, event, step);
}

function startEquation(trace) {
  const alone = trace.seedAt === 1;
  const single = "The graph is a single leaf: there is nothing to compute.";
  const symbolic = alone ? single : "Only the leaves have numbers yet.";
  const effect = alone ? "The next step is its gradient." : "The next steps compute one node each.";
  return { isProse: true, symbolic: [symbolic], terms: [], effect, spoken: `${symbolic} ${effect}` };
}

function nodeEquation(trace, { node }, step) {
  const { symbolic, numeric } = operationInWords(trace, node);
  const name = nameOf(trace, node);
  const data = show(trace.data[node]);
  return {
    symbolic: [`${name} = ${symbolic}`],
    terms: [[numeric, "the operands' data"], ["="], [data, `${name}.data`, "contribution"]],
    effect: `forward, node ${step} of ${trace.seedAt - 1}`,
    spoken: `forward: ${name} = ${symbolic} = ${numeric} = ${data}`,
  };
}

function seedEquation(trace, { node }) {
  const name = nameOf(trace, node);
  return {
    symbolic: [[`d${name}`, `d${name}`], " = 1"],
    terms: [["1", `${name}.grad`, "contribution"]],
    effect: `backward begins: ${name} changes exactly as much as itself`,
    spoken: `backward begins: the gradient of ${name} with respect to itself is 1`,
  };
}

function edgeEquation(trace, edge) {
  const { upstream, local, contribution, before, after, index, of } = edge;
  const [root, c, a] = [trace.graph.root, edge.result, edge.operand].map((k) => nameOf(trace, k));
  const { fraction, formula } = localInWords(trace, edge);
  const count = of > 1 ? `${ordinal(index)} of ${of} contributions` : "its only contribution";
  const effect = `${a}.grad: ${show(before)} → ${show(after)}, ${count}`;
  const product = [show(upstream), factorOrZero(local), show(contribution)];
  return {
    symbolic: [[`d${root}`, `d${a}`], of > 1 ? " += " : " = ", [`d${root}`, `d${c}`], " · ", fraction],
    terms: [
      [product[0], `upstream: ${c}.grad`, "upstream"],
      ["×"],
      [product[1], `local derivative${formula ? `: ${formula}` : ""}`, "local"],
      ["="],
      [product[2], `contribution to ${a}.grad`, "contribution"],
    ],
    effect,
    spoken: `upstream ${product[0]} times local derivative ${product[1]} = ${product[2]}; ${effect}`,
  };
}

// What the explorer has to say beside the equation, "" where that is nothing.
export function messageInWords({ page, message: { text, descent } }) {
  return descent ? descentInWords(page, descent) : text;
}

function descentInWords(page, { before, after, moved, isOverAll }) {
  const whose = page.examples.length === 1 ? "" : isOverAll ? "mean " : "this example's ";
  return `A step against the gradient moves ${movedInWords(page, moved)}: ${whose}loss ${change(before, after)}.`;
}

const change = (before, after) => `${show(before, 6)} → ${show(after, 6)}`;

// Which leaves a gradient step moves.
function movedInWords(page, moved) {
  if (page.hasParameters) return "the parameters";
  const names = moved.map((leaf) => page.nodes[leaf].name);
  if (!names.length) return "no leaf, since all are held fixed";
  const some = names.length > 4 ? [...names.slice(0, 4), `${names.length - 4} more`] : names;
  return some.length > 1 ? `${some.slice(0, -1).join(", ")} and ${some.at(-1)}` : some[0];
}

export function nudgeInWords({ nodes, graph }, { leaf, from, to, before, after, slope, gradient }) {
  const [name, loss] = [leaf, graph.root].map((k) => nodes[k].name);
  return (
    `${name} ${change(from, to)}: ${loss} ${change(before, after)}. ` +
    `Change / h = ${show(slope)}, and ${name}.grad = ${show(gradient)}. (This was only tried: ${name} is as before.)`
  );
}

// What there is to know of a box or an arrow of the drawing at a step, in lines.
export function thingInWords({ page, trace, step }, thing) {
  if (thing.edges) return arrowInWords(trace, thing, step);
  return thing.group === null ? nodeInWords(trace, thing.nodes[0], step) : groupInWords(page, thing);
}

function nodeInWords(trace, k, step) {
  const { title, name, kind } = trace.graph.nodes[k];
  if (trace.isRecorded)
    return [title, `data ${trace.data[k]}`, trace.gradients[k] ? `grad ${trace.gradients[k]}` : "no gradient"];
  const number = show(trace.data[k]);
  const lines = title ? [title] : [];
  if (isLeaf(trace.graph.nodes[k])) {
    lines.push(`${kind}, data ${number}`);
  } else {
    const { symbolic, numeric } = operationInWords(trace, k);
    lines.push(`${name} = ${symbolic}`, isComputed(trace, k, step) ? `= ${numeric} = ${number}` : "not computed yet");
  }
  return [...lines, kind === "constant" ? "a constant: it gets no gradient" : gradientInWords(trace, k, step)];
}

function gradientInWords(trace, k, step) {
  const { gradient, index, of } = gradientAt(trace, k, step);
  if (gradient === null) return of || k === trace.graph.root ? "no gradient yet" : "no gradient reaches it";
  return `gradient ${show(gradient)}${of > 1 ? ` (${index} of ${of} contributions)` : ""}`;
}

function edgeInWords(trace, edge, step) {
  const { fraction, formula } = localInWords(trace, edge);
  const name = fraction.join("/");
  const at = trace.edgeAt.get(edgeKey(edge));
  if (at === undefined) return [name, "no derivative is recorded along this edge"];
  const { upstream, local, contribution } = trace.steps[at];
  return [
    `${name} = ${formula && formula !== show(local ?? 0) ? `${formula} = ` : ""}${show(local ?? 0)}`,
    at > step
      ? "no gradient has arrived along it yet"
      : `upstream × local derivative: ${show(upstream)} × ${factorOrZero(local)} = ${show(contribution)}`,
  ];
}

// Of the edge of an arrow, or of the several that a collapsed picture puts on it.
function arrowInWords(trace, { edges, from, to }, step) {
  if (trace.isRecorded) return recordedInWords(trace, edges[0], from, to);
  if (edges.length === 1) return edgeInWords(trace, edges[0], step);
  const done = edges.map((edge) => trace.edgeAt.get(edgeKey(edge))).filter((at) => at <= step);
  const largest = Math.max(...done.map((at) => Math.abs(trace.steps[at].contribution)));
  return [
    `${edges.length} edges from ${from.title} to ${to.title}`,
    done.length
      ? `${done.length} have carried their contributions, the largest of size ${show(largest)}`
      : "no gradient has come along them yet",
  ];
}

function groupInWords(page, { title, nodes, group }) {
  const hint = page.groups[group].view === null ? "too many to be drawn one by one" : "click or press Enter to open it";
  return [title, `${nodes.length} nodes in one box`, hint];
}

function recordedInWords(trace, edge, from, to) {
  const at = trace.edgeAt.get(edgeKey(edge));
  return at === undefined
    ? [`from ${from.title} to ${to.title}`, "no derivative is recorded along it"]
    : [trace.steps[at].equation.spoken];
}
