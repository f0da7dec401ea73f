// A trace is one forward and one backward pass over a graph, step by step. What the page shows is a function of the
// trace and of the number of a step, and of nothing else: going back is going to a smaller number.
//
// Step 0 has the leaves alone. Then each computed node is a step, then the seed (the gradient of the root), then each
// single contribution of a result to the gradient of an operand, in the order of backward().

import { contributions, forward, gradients, isLeaf } from "./engine.js";

// A local derivative so small that an edge lets almost nothing through.
export const NEXT_TO_NOTHING = 0.01;

// The trace of a page's graph with these numbers in its leaves. The steps of a graph too large to be computed here,
// whose nodes stand for many, were recorded.
export function traceOf({ graph, operations, recorded }, numbers) {
  if (recorded) return { ...recorded, graph, isRecorded: true, ...placed(graph, recorded.steps) };
  const data = forward(graph, operations, numbers);
  const edges = contributions(graph, operations, data);
  const computed = [...graph.nodes.keys()].filter((k) => !isLeaf(graph.nodes[k]));
  const events = [
    ...computed.map((node) => ({ kind: "forward", node })),
    { kind: "seed", node: graph.root },
    ...edges.map((edge) => ({ kind: "edge", ...edge })),
  ];
  return { graph, data, gradients: gradients(graph, edges), ...placed(graph, events) };
}

// Where each event is among the steps.
function placed(graph, events) {
  const steps = [{ kind: "start" }, ...events];
  const computedAt = graph.nodes.map(() => 0);
  const received = graph.nodes.map(() => []);
  const edgeAt = new Map();
  let [seedAt, largest] = [0, 0];
  steps.forEach((event, at) => {
    if (event.kind === "forward") computedAt[event.node] = at;
    if (event.kind === "seed") seedAt = at;
    if (event.kind !== "edge") return;
    edgeAt.set(edgeKey(event), at);
    received[event.operand].push({ at, after: event.after });
    const size = Math.abs(event.contribution);
    if (size > largest && size < Infinity) largest = size;
  });
  return { steps, last: steps.length - 1, seedAt, computedAt, received, edgeAt, largest };
}

export const edgeKey = ({ result, position }) => `${result}:${position}`;

export const isComputed = (trace, node, step) => trace.computedAt[node] <= step;

// The gradient of a node at a step, which has `index` of the `of` contributions in it; null before the first.
export function gradientAt(trace, node, step) {
  if (node === trace.graph.root) return { gradient: step >= trace.seedAt ? 1 : null, index: 0, of: 0 };
  const received = trace.received[node];
  let index = 0;
  while (index < received.length && received[index].at <= step) index++;
  return { gradient: index ? received[index - 1].after : null, index, of: received.length };
}

// The next step, or with direction -1 the one before, at which a node has passed on all that it passes on.
export function nodeStep({ steps, last }, step, direction) {
  const isWhole = (k) => steps[k].kind !== "edge" || steps[k + 1]?.result !== steps[k].result;
  let next = step;
  do next += direction;
  while (next > 0 && next < last && !isWhole(next));
  return Math.min(Math.max(next, 0), last);
}

// The step of a trace that is the same event as that step of another: with other numbers, other edges may be cut.
export function sameStep(before, step, after) {
  const event = before.steps[step];
  const at = event.kind === "edge" ? after.edgeAt.get(edgeKey(event)) : step;
  return at ?? Math.min(step, after.last);
}
