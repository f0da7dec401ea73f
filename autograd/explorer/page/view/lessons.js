// The panel of five things to see, each shown in the graph of this page.

import { html, messageBox, panel, textButton } from "./elements.js";
import { equationOf, messageInWords, nameOf, nudgeInWords, operationInWords } from "./words.js";
import { factor, show } from "../model/numbers.js";
import { NEXT_TO_NOTHING, traceOf } from "../model/trace.js";

export function lessonsPanel(explorer) {
  const lessons = [
    ["An edge carries upstream × local derivative, and nothing else.", showProduct],
    ["A node that is used again adds up its contributions.", showSum],
    ["A leaf that grows by h changes the loss by about gradient × h.", showNudge],
    ["A saturated unit lets almost no gradient through.", showSaturation],
    ["A step against the gradient lowers the loss.", showDescent],
  ];
  const message = messageBox(explorer, "lessons");
  const buttons = lessons.map(([text, see]) => textButton(text, () => explorer.tell(see(explorer), "lessons")));
  const list = html("ol", {}, ...buttons.map((button) => html("li", {}, button)));
  return { element: panel("Five things to see", "lessons", list, message.element), update: message.update };
}

function showProduct(explorer) {
  const { trace } = explorer;
  const at = trace.seedAt + 1;
  if (at > trace.last) return "No edge of this graph carries a derivative.";
  explorer.goTo(at);
  return `Step ${at}: ${equationOf(trace, at).spoken}.`;
}

function showSum(explorer) {
  const { trace } = explorer;
  const at = trace.steps.findIndex(({ of, index }) => of > 1 && index === of);
  if (at < 0) return "No node of this graph is used more than once.";
  const { operand, of, after } = trace.steps[at];
  const name = nameOf(trace, operand);
  const parts = trace.steps.filter((event) => event.kind === "edge" && event.operand === operand);
  const shown = parts.slice(0, 6).map(({ contribution }) => factor(contribution));
  explorer.goTo(at);
  return `${name} is used ${of} times: ${name}.grad = ${shown.join(" + ")}${of > 6 ? " + …" : ""} = ${show(after)}.`;
}

function showNudge(explorer) {
  const { page, trace } = explorer;
  if (!page.movable.length) return "No leaf of this graph has a derivative.";
  const size = (leaf) => Math.abs(trace.gradients[leaf]) || 0;
  const leaf = page.movable.reduce((best, other) => (size(other) > size(best) ? other : best));
  explorer.set({ picked: leaf });
  return nudgeInWords(page, explorer.nudge(leaf));
}

function showSaturation(explorer) {
  const { page, numbers } = explorer;
  let moved = "";
  if (saturatedAt(explorer.trace) < 0) {
    const saturates = ([leaf, number]) => saturatedAt(traceOf(page, { ...numbers, [leaf]: number })) > 0;
    const [leaf, number] = farNumbers(page, numbers).find(saturates) ?? [];
    if (leaf === undefined) return "No unit of this graph can be saturated by moving one leaf.";
    explorer.setNumber(leaf, number);
    moved = `${page.nodes[leaf].name} moved from ${show(numbers[leaf])} to ${show(number)}. `;
  }
  const { trace } = explorer;
  const at = saturatedAt(trace);
  explorer.goTo(at);
  const { result, operand, local } = trace.steps[at];
  const [c, a] = [result, operand].map((k) => nameOf(trace, k));
  const { symbolic } = operationInWords(trace, result);
  return (
    `${moved}${c} = ${symbolic} is saturated: its local derivative is ${show(local ?? 0)}, so that almost nothing ` +
    `comes through to ${a} and to what is behind it.`
  );
}

// Numbers far from those in the leaves, each [leaf, number], the nearer first.
function farNumbers({ movable }, numbers) {
  const far = (factor, leaf) => factor * Math.max(1, Math.abs(numbers[leaf]));
  const leaves = movable.slice(0, 40);
  return [2, 4, 8, 16, 32, 64].flatMap((k) => leaves.flatMap((leaf) => [[leaf, far(k, leaf)], [leaf, far(-k, leaf)]]));
}

// The first step along which a unit, an operation with one operand, lets almost nothing through.
function saturatedAt({ graph, steps }) {
  const isOfUnit = ({ kind, result }) => kind === "edge" && graph.nodes[result].operands.length === 1;
  return steps.findIndex((event) => isOfUnit(event) && Math.abs(event.local) < NEXT_TO_NOTHING);
}

function showDescent(explorer) {
  if (!explorer.page.learning.length) return "No leaf of this graph can be moved.";
  explorer.descend();
  return messageInWords(explorer);
}
