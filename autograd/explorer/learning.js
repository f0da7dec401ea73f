// The panel of learning: steps of gradient descent, the loss and the parameters that they move.

function learningPanel(explorer) {
  const { page } = explorer;
  const several = page.examples.length > 1;
  const example = html(
    "select",
    { onchange: () => explorer.choose(Number(example.value)) },
    ...page.examples.map(({ title }, k) => html("option", { value: k }, title)),
  );
  const over = html(
    "select",
    { onchange: () => (explorer.isOverAll = over.value === "all") },
    html("option", { value: "one" }, "this example"),
    html("option", { value: "all", selected: true }, `all ${page.examples.length} examples`),
  );
  const rate = numberField(explorer.rate, "learning rate", (number) => (explorer.rate = number), Number.isFinite);
  const train = textButton("train", () => explorer.trainOrPause());
  const curve = lossCurve();
  const weights = weightsPicture(page);
  const message = html("p", { class: "message" });
  const element = panel(
    "Learning",
    "learning",
    ...(several ? [labelled("what flows through: ", example), labelled("learn from ", over)] : []),
    labelled("learning rate ", rate),
    html(
      "div",
      { class: "buttons" },
      textButton("gradient step", () => explorer.descend()),
      train,
      textButton("reset", () => explorer.setBack()),
    ),
    message,
    curve.element,
    weights.element,
  );

  function update() {
    example.value = explorer.example;
    write(train, explorer.isTraining ? "pause" : "train");
    write(message, explorer.messageOf("learning"));
    curve.update(explorer.losses);
    weights.update(explorer.shared);
  }
  return { element, update };
}

function lossCurve() {
  const [width, height] = [280, 70];
  const line = svg("polyline", { class: "curve" });
  const dot = svg("circle", { class: "now", r: 3 });
  const caption = html("figcaption");
  const picture = svg(
    "svg",
    {
      viewBox: `-4 -6 ${width + 8} ${height + 12}`,
      preserveAspectRatio: "xMinYMid",
      role: "img",
      "aria-label": "loss at each gradient step",
    },
    line,
    dot,
  );
  const element = html("figure", { class: "loss" }, picture, caption);

  function update(losses) {
    element.hidden = losses.length < 2;
    const finite = losses.filter(Number.isFinite);
    const [low, high] = [Math.min(...finite), Math.max(...finite)];
    const place = (loss, k) =>
      [(width * k) / (losses.length - 1), height * (high > low ? (high - loss) / (high - low) : 0.5)].map((x) =>
        x.toFixed(1),
      );
    const points = losses.map((loss, k) => Number.isFinite(loss) && place(loss, k)).filter(Boolean);
    mark(line, "points", points.join(" "));
    if (points.length) [dot.cx.baseVal.value, dot.cy.baseVal.value] = points.at(-1).map(Number);
    write(
      caption,
      `loss ${show(losses[0])} → ${show(losses.at(-1))} in ${losses.length - 1} step${losses.length > 2 ? "s" : ""}`,
    );
  }
  return { element, update };
}

// A square for every parameter: its area is the size of the number; a negative one is hollow.
function weightsPicture(page) {
  const squares = parameterPlaces(page).map((place) => ({ ...place, title: svg("title"), rect: svg("rect") }));
  const largest = Math.max(1, ...squares.map(({ row, column }) => Math.max(row, column) + 1));
  const cell = Math.max(4, Math.min(14, Math.floor(128 / largest)));
  const inOrder = (name) => name.replace(/\d+/g, (digits) => digits.padStart(6, "0")); // W2 before W10
  const byName = [...Map.groupBy(squares, ({ matrix }) => matrix)].sort(([one], [other]) =>
    inOrder(one) < inOrder(other) ? -1 : 1,
  );
  const figures = byName.map(([matrix, parts]) => {
    const [width, height] = ["column", "row"].map((axis) => cell * (Math.max(...parts.map((part) => part[axis])) + 1));
    for (const { rect, title } of parts) rect.append(title);
    const picture = svg(
      "svg",
      { width, height, role: "img", "aria-label": `parameters ${matrix}` },
      ...parts.map(({ rect }) => rect),
    );
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

// Where each parameter stands: W0[3,1] in row 3 and column 1 of W0; those with other names in rows of their own.
function parameterPlaces(page) {
  let others = 0;
  return page.learning.map((leaf) => {
    const [, matrix, row, column] = /^(.*)\[(\d+)(?:, *(\d+))?\]$/.exec(page.nodes[leaf].title) ?? [];
    if (matrix !== undefined && row < 100) return { leaf, matrix, row: Number(row), column: Number(column ?? 0) };
    const place = { leaf, matrix: "parameters", row: Math.floor(others / 16), column: others % 16 };
    others += 1;
    return place;
  });
}
