// The panel of learning: steps of gradient descent, the loss and the parameters that they move.

import { choice, html, labeled, mark, messageBox, numberField, panel, svg, textButton, write } from "./elements.js";
import { grouped, show } from "../model/numbers.js";

export function learningPanel(explorer) {
  const { page } = explorer;
  const several = page.examples.length > 1;
  const titles = page.examples.map(({ title }, k) => [k, title]);
  const example = choice(titles, (k) => explorer.choose(k));
  const whose = [["one", "this example"], ["all", `all ${page.examples.length} examples`]];
  const over = choice(whose, (value) => explorer.set({ isOverAll: value === "all" }));
  const moving = movingChoice(explorer);
  const rate = numberField(explorer.rate, "learning rate", (number) => explorer.set({ rate: number }), Number.isFinite);
  const descend = textButton("gradient step", () => explorer.descend());
  const reset = textButton("reset", () => explorer.setBack());
  const train = textButton("train", () => explorer.trainOrPause());
  const curve = lossCurve();
  const weights = weightsPicture(page);
  const message = messageBox(explorer, "learning");
  const element = panel(
    "Learning",
    "learning",
    ...(several ? [labeled("example ", example), labeled("learn from ", over)] : []),
    labeled("learning rate ", rate),
    moving,
    html("div", { class: "buttons" }, descend, train, reset),
    message.element,
    curve.element,
    weights.element,
  );

  function update() {
    example.value = explorer.example;
    over.value = explorer.isOverAll ? "all" : "one";
    write(train, explorer.isTraining ? "pause" : "train");
    message.update();
    curve.update(explorer.losses);
    weights.update(explorer.shared);
  }
  return { element, update };
}

// Which leaves a gradient step moves: the parameters; where there are none, those that the reader does not hold fixed.
function movingChoice(explorer) {
  const { page, moving } = explorer;
  const { length } = page.learning;
  const count = `${grouped(length)} parameter${length > 1 ? "s" : ""}`;
  if (page.hasParameters) return html("p", { class: "caption" }, `A gradient step moves the ${count}, no other leaf.`);
  const boxes = page.learning.map((leaf) => {
    const box = html("input", { type: "checkbox", onchange: () => explorer.hold(leaf, !box.checked) });
    box.checked = moving.has(leaf);
    return html("label", { title: page.nodes[leaf].title }, box, page.nodes[leaf].name);
  });
  const legend = length ? "A gradient step moves the leaves that are ticked" : "No leaf can be moved";
  return html("fieldset", { class: "moving" }, html("legend", {}, legend), ...boxes);
}

function lossCurve() {
  const [width, height] = [280, 70];
  const line = svg("polyline", { class: "curve" });
  const dot = svg("circle", { class: "now", r: 3 });
  const caption = html("figcaption");
  const frame = { viewBox: `-4 -6 ${width + 8} ${height + 12}`, preserveAspectRatio: "xMinYMid" };
  const picture = svg("svg", { ...frame, role: "img", "aria-label": "loss at each gradient step" }, line, dot);
  const element = html("figure", { class: "loss" }, picture, caption);

  function update(losses) {
    element.hidden = losses.length < 2;
    const finite = losses.filter(Number.isFinite);
    const [low, high] = [Math.min(...finite), Math.max(...finite)];
    const steps = losses.length - 1;
    const heightOf = (loss) => height * (high > low ? (high - loss) / (high - low) : 0.5);
    const place = (loss, k) => [(width * k) / steps, heightOf(loss)].map((x) => x.toFixed(1));
    const points = losses.map((loss, k) => Number.isFinite(loss) && place(loss, k)).filter(Boolean);
    mark(line, "points", points.join(" "));
    if (points.length) [dot.cx.baseVal.value, dot.cy.baseVal.value] = points.at(-1).map(Number);
    write(caption, `loss ${show(losses[0])} → ${show(losses.at(-1))} in ${steps} step${steps > 1 ? "s" : ""}`);
  }
  return { element, update };
}

// A square for every leaf that is learned: its area is the size of the number; a negative one is hollow.
function weightsPicture(page) {
  const squares = parameterPlaces(page).map((place) => ({ ...place, title: svg("title"), rect: svg("rect") }));
  const largest = Math.max(1, ...squares.map(({ row, column }) => Math.max(row, column) + 1));
  const cell = Math.max(4, Math.min(14, Math.floor(128 / largest)));
  const inOrder = (name) => name.replace(/\d+/g, (digits) => digits.padStart(6, "0")); // W2 before W10
  const matrices = [...Map.groupBy(squares, ({ matrix }) => matrix)];
  matrices.sort(([one], [other]) => (inOrder(one) < inOrder(other) ? -1 : 1));
  const figures = matrices.map(([matrix, parts]) => {
    const [width, height] = ["column", "row"].map((axis) => cell * (Math.max(...parts.map((part) => part[axis])) + 1));
    const picture = svg("svg", { width, height, role: "img", "aria-label": `numbers of ${matrix}` });
    for (const { rect, title } of parts) picture.appendChild(rect).append(title);
    return html("figure", {}, picture, html("figcaption", {}, matrix));
  });
  const element = html("div", { class: "weights", hidden: !squares.length }, ...figures);

  function update(numbers) {
    const sizes = squares.map(({ leaf }) => Math.abs(numbers[leaf]));
    const largest = Math.max(...sizes.filter(Number.isFinite), Number.MIN_VALUE);
    squares.forEach(({ leaf, row, column, rect, title }, k) => {
      const side = (cell - 2) * Math.sqrt(Math.min(sizes[k] / largest, 1) || 0);
      const corner = (index) => (cell * (index + 0.5) - side / 2).toFixed(1);
      const place = { x: corner(column), y: corner(row), width: side.toFixed(1), height: side.toFixed(1) };
      for (const [name, value] of Object.entries(place)) mark(rect, name, value);
      mark(rect, "class", numbers[leaf] < 0 ? "negative" : "positive");
      write(title, `${page.nodes[leaf].title} = ${show(numbers[leaf])}`);
    });
  }
  return { element, update };
}

// Where each of them stands: W0[3,1] in row 3 and column 1 of W0; those with other names in rows of their own.
function parameterPlaces(page) {
  let others = 0;
  return page.learning.map((leaf) => {
    const [, matrix, row, column] = /^(.*)\[(\d+)(?:, *(\d+))?\]$/.exec(page.nodes[leaf].title) ?? [];
    if (matrix !== undefined && row < 100) return { leaf, matrix, row: Number(row), column: Number(column ?? 0) };
    const together = page.hasParameters ? "parameters" : "leaves";
    const place = { leaf, matrix: together, row: Math.floor(others / 16), column: others % 16 };
    others += 1;
    return place;
  });
}
