// Five things to see, each shown in the graph of this page.

function lessonsPanel(explorer) {
  const lessons = [
    ["An edge carries upstream × local derivative, and nothing else.", showProduct],
    ["A node that is used again adds up its contributions.", showSum],
    ["A leaf that grows by h changes the loss by about gradient × h.", showNudge],
    ["A saturated unit lets next to no gradient through.", showSaturation],
    ["A step against the gradient lowers the loss.", showDescent],
  ];
  const message = html("p", { class: "message" });
  const items = lessons.map(([text, show]) =>
    html(
      "li",
      {},
      textButton(text, () => explorer.tell(show(explorer), "lessons")),
    ),
  );
  const element = panel("Five things to see", "lessons", html("ol", {}, ...items), message);
  return { element, update: () => write(message, explorer.messageOf("lessons")) };
}

function showProduct(explorer) {
  const { page, trace } = explorer;
  const at = trace.seedAt + 1;
  if (at > trace.last) return "No edge of this graph carries a derivative.";
  explorer.goTo(at);
  return `Step ${at}: ${equationOf(page, trace, at).spoken}.`;
}

function showSum(explorer) {
  const { page, trace } = explorer;
  const at = trace.steps.findIndex(({ of, index }) => of > 1 && index === of);
  if (at < 0) return "No node of this graph is used more than once.";
  const { operand, of, after } = trace.steps[at];
  const name = nameOf(page, trace, operand);
  const parts = trace.steps.filter((event) => event.kind === "edge" && event.operand === operand);
  const sum = parts
    .slice(0, 6)
    .map(({ contribution }) => factor(contribution))
    .join(" + ");
  explorer.goTo(at);
  return `${name} is used ${of} times: ${name}.grad = ${sum}${of > 6 ? " + …" : ""} = ${show(after)}.`;
}

function showNudge(explorer) {
  const { movable } = explorer.page;
  if (!movable.length) return "No leaf of this graph has a derivative.";
  const size = (leaf) => Math.abs(explorer.trace.gradients[leaf]) || 0;
  const leaf = movable.reduce((best, other) => (size(other) > size(best) ? other : best));
  explorer.pick(leaf);
  return explorer.nudge(leaf);
}

function showSaturation(explorer) {
  const { page } = explorer;
  if (saturatedAt(page, explorer.trace) > 0) return tellSaturation(explorer, "");
  const numbers = explorer.numbers();
  for (const factor of [2, 4, 8, 16, 32, 64]) {
    for (const leaf of page.movable.slice(0, 40)) {
      for (const sign of [1, -1]) {
        const number = sign * factor * Math.max(1, Math.abs(numbers[leaf]));
        if (saturatedAt(page, traceOf(page.graph, page.operations, { ...numbers, [leaf]: number })) < 0) continue;
        explorer.setNumber(leaf, number);
        return tellSaturation(
          explorer,
          `${page.nodes[leaf].name} moved from ${show(numbers[leaf])} to ${show(number)}. `,
        );
      }
    }
  }
  return "No unit of this graph can be saturated by moving one leaf.";
}

function tellSaturation(explorer, moved) {
  const { page } = explorer;
  const at = saturatedAt(page, explorer.trace);
  explorer.goTo(at);
  const { result, operand, local } = explorer.trace.steps[at];
  const [c, a] = [result, operand].map((k) => nameOf(page, explorer.trace, k));
  const { symbolic } = operationInWords(page, explorer.trace, result);
  return (
    `${moved}${c} = ${symbolic} is saturated: its local derivative is ${show(local ?? 0)}, so that next to nothing ` +
    `comes through to ${a} and to what is behind it.`
  );
}

// The first step along which a unit, an operation with one operand, lets next to nothing through.
function saturatedAt(page, trace) {
  return trace.steps.findIndex(
    (event) =>
      event.kind === "edge" &&
      page.nodes[event.result].operands.length === 1 &&
      Math.abs(event.local) < NEXT_TO_NOTHING,
  );
}

function showDescent(explorer) {
  return explorer.page.learning.length ? explorer.descend() : "No leaf of this graph can be moved.";
}
