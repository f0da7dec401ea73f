// Nudges and gradient descent, on numbers in leaves: { index: number }. Pure functions: nothing given is changed.

import { forward } from "./engine.js";
import { traceOf } from "./trace.js";

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

const lossOf = ({ graph, operations }, numbers) => forward(graph, operations, numbers)[graph.root];

// The mean loss of examples, of each of which the numbers are given.
export const meanLoss = (page, examples) => mean(examples.map((numbers) => lossOf(page, numbers)));

// What a leaf larger by h does to the loss.
export function nudged(page, numbers, leaf, h) {
  const [from, to] = [numbers[leaf], numbers[leaf] + h];
  const [before, after] = [lossOf(page, numbers), lossOf(page, { ...numbers, [leaf]: to })];
  return { leaf, from, to, before, after, slope: (after - before) / h };
}

// The numbers of the leaves that move, after one step against the gradient of the mean loss of examples.
export function descended(page, examples, moving, rate) {
  const every = examples.map((numbers) => traceOf(page, numbers).gradients);
  const next = (leaf) => examples[0][leaf] - rate * mean(every.map((gradients) => gradients[leaf]));
  return Object.fromEntries([...moving].map((leaf) => [leaf, next(leaf)]));
}
