// The reverse sweep on plain numbers: what a Value and its backward() do (autograd/value.py), step by step so that the
// page can show each. It is the third sweep of the project, beside those on Values and on symbols, since there is no
// Python in a page; all that the page knows of gradients comes from here. Pure functions: a graph is never changed.
//
//   graph = { nodes, root }   root is the index of the node that is differentiated; nodes are in topological order,
//                             operands before results, as autograd.graph.topological_order gives them. Of a node:
//     op          the key of its operation in `operations`; null for a leaf and for an operation that is not there
//     operands    indices of nodes, in order; [] for a leaf. `a + a` has two
//     data        its number; of a leaf the one to start from
//     kind        "constant" for a plain number, for which there is no derivative; other kinds make no difference here
//     locals      only of an operation that is not there: the recorded local derivatives, null for ZERO
//     cuts        only of an operation that is not there: whether ZERO takes the edge out of the graph
//   operations    what autograd/symbolic/javascript.py writes: key -> { forward, backward, cuts }

export const isLeaf = (node) => node.operands.length === 0;

const operationOf = (node, operations) => (node.op === null ? undefined : operations[node.op]);

// The numbers of all nodes. `edits` gives leaves other numbers: { index: number }. A node whose operation is not there
// keeps its recorded number.
export function forward(graph, operations, edits = {}) {
  const data = [];
  graph.nodes.forEach((node, index) => {
    const operation = operationOf(node, operations);
    if (operation) data.push(operation.forward(node.operands.map((operand) => data[operand])));
    else data.push(isLeaf(node) && index in edits ? edits[index] : node.data);
  });
  return data;
}

// The local derivatives of a node, one per operand: a number; null for ZERO, where nothing flows, whatever arrives from
// upstream; undefined where there is no edge: to a constant, and along ZERO of an operation that cuts.
function localDerivatives(graph, operations, data, index) {
  const node = graph.nodes[index];
  const operation = operationOf(node, operations);
  const { cuts } = operation ?? node;
  const numbers = node.operands.map((operand) => data[operand]);
  const locals = operation ? operation.backward(data[index], numbers) : node.locals;
  return node.operands.map((operand, position) => {
    const noEdge = graph.nodes[operand].kind === "constant" || (cuts && locals[position] === null);
    return noEdge ? undefined : locals[position];
  });
}

// The steps of backward(), in its order: from results to operands, each edge adding upstream * local. Of a step:
//   result, position, operand      the edge: the operand at that position of the result, both as indices of nodes
//   upstream, local, contribution  the result's gradient, the edge's local derivative (null for ZERO), their product
//   before, after                  the operand's gradient; it is 0 before the first contribution
//   index, of                      that it is the index-th, from 1, of `of` contributions to this operand
// A node that nothing reaches makes no step.
export function contributions(graph, operations, data, seed = 1) {
  const reached = graph.nodes.map(() => null);
  const counts = graph.nodes.map(() => 0);
  const steps = [];
  reached[graph.root] = seed;
  for (let result = graph.root; result >= 0; result--) {
    const upstream = reached[result];
    if (upstream === null) continue;
    localDerivatives(graph, operations, data, result).forEach((local, position) => {
      if (local === undefined) return;
      const operand = graph.nodes[result].operands[position];
      const contribution = local === null ? 0 : upstream * local;
      const before = reached[operand];
      const after = before === null ? contribution : before + contribution;
      reached[operand] = after;
      counts[operand] += 1;
      const index = counts[operand];
      steps.push({ result, position, operand, upstream, local, contribution, before: before ?? 0, after, index });
    });
  }
  return steps.map((step) => ({ ...step, of: counts[step.operand] }));
}

// The gradients of all nodes after these steps: all of them, or the first few. A leaf adds to the 0 that it starts from.
export function gradients(graph, steps, seed = 1) {
  const found = graph.nodes.map(() => 0);
  found[graph.root] = seed;
  for (const { operand, after } of steps) found[operand] = after;
  return found.map((gradient, index) => (isLeaf(graph.nodes[index]) ? 0 + gradient : gradient));
}
