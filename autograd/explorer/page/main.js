// The page: its data made into what the other parts use, the explorer put into an element, and its keys.

const KINDS = ["leaf", "parameter", "constant", "computed"];

function pageOf(text, operations) {
  const data = JSON.parse(text);
  const nodes = data.nodes.map((row) => (data.recorded ? recordedNode(row) : nodeOf(row, data.uses)));
  const examples = data.examples.map(({ title, numbers }) => ({ title, numbers: decodedNumbers(numbers) }));
  const root = nodes.length - 1;
  const leaves = [...nodes.keys()].filter((k) => isLeaf(nodes[k]));
  const own = new Set(Object.keys(examples[0].numbers).map(Number));
  const shared = Object.fromEntries(leaves.filter((k) => !own.has(k)).map((k) => [k, nodes[k].data]));
  const rank = (k) => (nodes[k].name === "" ? KINDS.length : own.has(k) ? -1 : KINDS.indexOf(nodes[k].kind));
  const movable = leaves.filter((k) => nodes[k].kind !== "constant");
  const moved = movable.filter((k) => !own.has(k));
  const parameters = moved.filter((k) => nodes[k].kind === "parameter");
  return {
    ...data,
    graph: { nodes, root },
    nodes,
    operations,
    examples,
    shared,
    movable,
    hasParameters: parameters.length > 0,
    learning: parameters.length ? parameters : moved,
    leaves: leaves.toSorted((k, other) => rank(k) - rank(other) || k - other),
    groups: data.groups.map((group) => ({
      ...group,
      nodes: group.nodes.flatMap(([first, last]) => range(first, last)),
    })),
    views: data.views.map((view) => ({ ...view, ...layoutOf(data.layouts[view.layout]) })),
  };
}

function nodeOf([name, title, kind, number, operands = [], use = null, locals = null], uses) {
  const { symbol = "", op = null, cuts = false } = uses[use] ?? {};
  const data = decode(number ?? NaN);
  return {
    name,
    title: title || name,
    kind: KINDS[kind],
    data,
    operands,
    use,
    symbol,
    op,
    cuts,
    locals: locals?.map(decode),
  };
}

// A box of a graph that is too large: it stands for many nodes.
const recordedNode = ([name, , kind, operands]) => ({
  name,
  title: name,
  kind,
  data: NaN,
  operands,
  use: null,
  symbol: "",
  op: null,
});

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, k) => first + k);

function layoutOf({ size: [width, height], boxes: places, arrows }) {
  return {
    width,
    height,
    places,
    arrows: arrows.map(([from, to, count, steps]) => [from, to, count, pointsOf(steps)]),
  };
}

// The points of a curve x, y, x, y, ... from the first and the steps from each to the next.
function pointsOf(steps) {
  const points = [];
  steps.forEach((step, k) => points.push(step + (k < 2 ? 0 : points[k - 2])));
  return points;
}

const decodedNumbers = (numbers) =>
  Object.fromEntries(Object.entries(numbers).map(([k, number]) => [k, decode(number)]));

// What a key does: everywhere but in fields, and Space and Enter not on buttons, which have a use for them.
function pressed(explorer, stage, event) {
  const target = event.target;
  const isWriting = target.matches?.("input:not(.scrubber), select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting) return;
  if ((event.key === " " || event.key === "Enter") && target.matches("button, summary")) return;
  const inGraph = stage.element.contains(target);
  const all = {
    ArrowRight: () => (event.shiftKey ? explorer.goToNode(1) : explorer.goTo(explorer.step + 1)),
    ArrowLeft: () => (event.shiftKey ? explorer.goToNode(-1) : explorer.goTo(explorer.step - 1)),
    Home: () => explorer.goTo(0),
    End: () => explorer.goTo(explorer.trace.last),
    " ": () => explorer.playOrPause(),
    "+": () => stage.magnify(1.25),
    "-": () => stage.magnify(0.8),
    0: () => stage.fit(),
    Escape: () => explorer.close(),
    ...(inGraph && { ArrowUp: () => stage.move(-1), ArrowDown: () => stage.move(1), Enter: () => stage.choose() }),
  };
  if (!Object.hasOwn(all, event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  all[event.key]();
}

// Puts the explorer into an element. `host` hears of steps and numbers. Returns the explorer, and what takes it away.
function put(element, text, host, step) {
  const explorer = new Explorer(pageOf(text, operations), host, step);
  const stage = stageOf(explorer);
  const [equation, transport] = [equationPanel(explorer), transportPanel(explorer)];
  const panels = explorer.page.isEditable ? [lessonsPanel, leavesPanel, learningPanel, helpPanel] : [helpPanel];
  const aside = panels.map((panel) => panel(explorer));
  const captions = explorer.page.notes.map((note) => html("p", { class: "caption" }, note));
  const main = html("div", { class: "main" }, stage.element, equation.element, transport.element, ...captions);
  const beside = html("div", { class: "aside" }, ...aside.map((panel) => panel.element));
  const around = html(
    "div",
    { class: `chainrule-explorer${host.isWholePage ? " whole" : ""}`, "data-lm-suppress-shortcuts": "true" },
    html("div", { class: "layout" }, main, beside),
  );
  element.append(around);
  const keys = (event) => pressed(explorer, stage, event);
  const hearing = host.isWholePage ? document : around;
  hearing.addEventListener("keydown", keys);
  explorer.listen(() => [stage, equation, transport, ...aside].forEach(({ update }) => update?.()));
  around.dataset.ready = "true";
  const away = () => {
    explorer.pause();
    stage.destroy();
    hearing.removeEventListener("keydown", keys);
    around.remove();
  };
  return { explorer, away };
}

// A widget in a notebook: Python sees the step and the numbers, and can set the step.
function render({ model, el }) {
  const tell = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const encoded = (numbers) =>
    Object.fromEntries(Object.entries(numbers).map(([leaf, number]) => [leaf, encode(number)]));
  const host = {
    isWholePage: false,
    stepped: (step) => model.get("step") !== step && tell("step", step),
    changed: (numbers) => tell("numbers", encoded(numbers)),
  };
  const { explorer, away } = put(el, model.get("data"), host, model.get("step"));
  const follow = () => model.get("step") !== explorer.step && explorer.goTo(model.get("step"));
  model.on("change:step", follow);
  return () => {
    model.off("change:step", follow);
    away();
  };
}

// The page in a file of its own.
function start() {
  put(document.body, document.getElementById("data").textContent, { isWholePage: true, stepped() {}, changed() {} });
  performance.mark("explorer-ready");
}
