// The graph as SVG: boxes and arrows where Graphviz put them.
//
// What is done, pending and active is told apart by width, dash and marks as well as by colour: an arrow that has
// carried its contribution is wide and points back to the operand; the active one is the widest and has its local
// derivative on it; one along which next to nothing comes through has a bar across.

const NEXT_TO_NOTHING = 0.01;

// The drawing of one view. A thing in it is a box {element, nodes, group} or an arrow {element, edges, from, to}.
// `squeeze` is to be called once it is in the page.
function drawingOf(page, view) {
  const boxes = view.boxes.map((shown, k) => boxOf(page, shown, view.places[k]));
  const arrows = view.arrows.map((place) => arrowOf(boxes, place));
  const boxAt = new Map(boxes.flatMap((box) => box.nodes.map((node) => [node, box])));
  const arrowAt = edgesOnArrows(page, arrows, boxAt);
  const note = svg("g", { class: "note" }); // the local derivative on the active arrow
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${view.width} ${view.height}`, class: "graph", role: "group", "aria-label": "computation graph" },
    ...[...arrows, ...boxes].map(({ element }) => element),
    note,
  );
  const things = inReadingOrder(boxes, arrows);
  things[0].element.setAttribute("tabindex", "0");
  const thingOf = new Map(things.map((thing) => [thing.element, thing]));
  const thingAt = (element) => thingOf.get(element.closest(".box, .arrow")) ?? null;

  // Shows a step. Returns the boxes that it is about, among them undefined for what is not in this view.
  function update(trace, step) {
    const event = trace.steps[step];
    const parts = partsOf(trace, event);
    for (const box of boxes) updateBox(page, box, trace, step, parts);
    for (const arrow of arrows) updateArrow(arrow, trace, step);
    squeeze(false);
    const arrow = event.kind === "edge" && arrowAt.get(edgeKey(event));
    const isNoted = arrow && !page.recorded;
    note.replaceChildren(...(isNoted ? [placeAtMiddle(svg("text", {}, `× ${factorOrZero(event.local)}`), arrow)] : []));
    const about = event.kind === "edge" ? [event.result, event.operand] : event.kind === "start" ? [] : [event.node];
    return about.map((node) => boxAt.get(node));
  }

  // Makes texts fit that have changed, or all of them.
  const squeeze = (isAll) => squeezeRows(boxes.flatMap(({ rows }) => rows), isAll);

  // Takes the keyboard's place to the next of the things, or with -1 to the one before.
  function move(by) {
    const now = things.findIndex(({ element }) => element.getAttribute("tabindex") === "0");
    const isThere = things[now].element.matches(":focus");
    const next = things[Math.min(Math.max(now + (isThere ? by : 0), 0), things.length - 1)];
    things[now].element.setAttribute("tabindex", "-1");
    next.element.setAttribute("tabindex", "0");
    next.element.focus();
  }

  return { picture, thingAt, update, squeeze, move };
}

// Which part nodes have in an event.
function partsOf(trace, { kind, node, result, operand }) {
  const parts = new Map();
  if (kind === "forward") {
    for (const each of trace.graph.nodes[node].operands) parts.set(each, "operand");
    parts.set(node, "computes");
  }
  if (kind === "seed") parts.set(node, "receives");
  if (kind === "edge") parts.set(result, "upstream").set(operand, "receives");
  return parts;
}

// Every edge is on the arrow between the boxes of its ends; of several such arrows the first is for the first edge.
function edgesOnArrows(page, arrows, boxAt) {
  const between = new Map();
  for (const arrow of arrows) {
    const alike = between.get(arrow.from) ?? between.set(arrow.from, new Map()).get(arrow.from);
    alike.set(arrow.to, [...(alike.get(arrow.to) ?? []), arrow]);
  }
  const taken = new Map();
  const arrowAt = new Map();
  page.nodes.forEach(({ operands }, result) =>
    operands.forEach((operand, position) => {
      const alike = between.get(boxAt.get(operand))?.get(boxAt.get(result)) ?? [];
      const count = taken.get(alike) ?? 0;
      taken.set(alike, count + 1);
      const arrow = alike[Math.min(count, alike.length - 1)];
      if (!arrow) return; // within one box
      arrow.edges.push({ result, position, operand });
      arrowAt.set(edgeKey({ result, position }), arrow);
    }),
  );
  return arrowAt;
}

// Operands before results, and before each box the arrows into it.
function inReadingOrder(boxes, arrows) {
  const into = new Map(boxes.map((box) => [box, []]));
  for (const arrow of arrows) into.get(arrow.to).push(arrow);
  const ordered = [...boxes].sort((box, other) => box.nodes.at(-1) - other.nodes.at(-1));
  return ordered.flatMap((box) => [...into.get(box), box]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Boxes
// ---------------------------------------------------------------------------------------------------------------------

// `shown` is a node, or with a minus sign a group: -1 for the first.
function boxOf(page, shown, [x, y, width, height]) {
  const isGroup = shown < 0;
  const group = isGroup ? -1 - shown : null;
  const { title, name = title, symbol = "", kind } = isGroup ? page.groups[group] : page.nodes[shown];
  const nodes = isGroup ? page.groups[group].nodes : [shown];
  const isRoot = nodes.includes(page.graph.root);
  const isPlain = height < 40; // a constant without a label: one row
  const text = (look, at, row, content) => svg("text", { class: look, x: at, y: row }, content);
  const [data, gradient] = [0, 1].map((row) => text("number", width - MARGIN, isPlain ? 17 : 34 + 17 * row, ""));
  const words = isGroup || isPlain ? [] : kind === "constant" ? ["data"] : ["data", "grad"];
  const captions = words.map((word, row) => text("caption", MARGIN, 34 + 17 * row, word));
  const titles = isPlain ? [] : [text("name", MARGIN, 17, name), text("symbol", width - MARGIN, 17, symbol)];
  const rows = [data, gradient].map((number, row) => ({ text: number, beside: captions[row], width }));
  if (titles.length) rows.push({ text: titles[0], beside: titles[1], width });
  const element = svg(
    "g",
    {
      class: isRoot ? `box ${kind} root` : `box ${kind}`,
      transform: `translate(${x} ${y})`,
      role: isGroup ? "button" : "img",
      "aria-label": title,
    },
    svg("path", { class: "shape", d: shapeOf(kind, width, height) }),
    ...(kind === "group" ? [svg("path", { class: "side", d: `M4 0V${height}M${width - 4} 0V${height}` })] : []),
    ...(isRoot ? [svg("path", { class: "shape inner", d: shapeOf(kind, width - 6, height - 6, 3) })] : []),
    ...titles,
    ...captions,
    data,
    ...(kind === "constant" ? [] : [gradient]),
  );
  return { element, nodes, group, title, x, y, width, height, data, gradient, rows, tags: {} };
}

// Makes narrower what would run over the text beside it, or out of the box: no sign of a number may be lost, whatever
// font there is. First all is measured, then all is changed, so that the browser lays the drawing out once.
function squeezeRows(rows, isAll) {
  const changed = rows.filter(({ text, fitted }) => text.isConnected && (isAll || text.textContent !== fitted));
  for (const { text } of changed) ["textLength", "lengthAdjust"].forEach((name) => text.removeAttribute(name));
  const lengths = changed.map(({ text, beside }) => [text, beside].map((each) => each?.getComputedTextLength() ?? 0));
  changed.forEach((row, k) => {
    const [length, taken] = lengths[k];
    const room = Math.max(row.width - 2 * MARGIN - (taken ? taken + APART : 0), MARGIN);
    if (length > room) filledIn(row.text, { textLength: room.toFixed(1), lengthAdjust: "spacingAndGlyphs" });
    row.fitted = row.text.textContent;
  });
}

const [MARGIN, APART] = [8, 6]; // beside the texts of a box, and between two of a row

const CORNERS = { leaf: 10, parameter: 8, constant: 13 };

// A rectangle with round corners, or with cut ones for a parameter.
function shapeOf(kind, width, height, inset = 0) {
  const size = CORNERS[kind] ?? 2;
  const [across, down] = [width - 2 * size, height - 2 * size];
  const corner = (x, y, toX, toY) => (kind === "parameter" ? `l${toX} ${toY}` : `q${x} ${y} ${toX} ${toY}`);
  return (
    `M${inset + size} ${inset}h${across}${corner(size, 0, size, size)}v${down}${corner(0, size, -size, size)}` +
    `h${-across}${corner(-size, 0, -size, -size)}v${-down}${corner(0, -size, size, -size)}Z`
  );
}

function updateBox(page, box, trace, step, parts) {
  const part = box.nodes.map((node) => parts.get(node)).findLast(Boolean) ?? "";
  const look = box.group === null ? lookOfNode(page, trace, box.nodes[0], step) : lookOfGroup(trace, box.nodes, step);
  mark(box.element, "data-phase", look.phase);
  mark(box.element, "data-part", part);
  write(box.data, look.data);
  write(box.gradient, look.gradient);
  tag(box, "badge", look.badge, box.width);
  tag(box, "part", part === "upstream" || part === "receives" ? part : "", 0);
}

// Puts a tag above a box; most boxes have none.
function tag(box, name, text, x) {
  if (box.tags[name]?.textContent === text) return;
  box.tags[name]?.remove();
  box.tags[name] = text ? svg("text", { class: name, x, y: -4 }, text) : undefined;
  if (text) box.element.insertBefore(box.tags[name], name === "part" ? (box.tags.badge ?? null) : null);
}

// What a box shows; "·" stands for a number that is not there yet.
function lookOfNode(page, trace, node, step) {
  const computed = isComputed(trace, node, step);
  const data = computed ? show(trace.data[node]) : "·";
  if (page.nodes[node].kind === "constant") return { phase: "computed", data, gradient: "", badge: "" };
  const { gradient, index, of } = gradientAt(trace, node, step);
  const isWhole = gradient !== null && index === of;
  return {
    phase: isWhole ? "whole" : gradient !== null ? "partial" : computed ? "computed" : "pending",
    data,
    gradient: gradient === null ? "·" : show(gradient),
    badge: isWhole ? "✓" : of > 1 && step >= trace.seedAt ? `${index}/${of}` : "",
  };
}

function lookOfGroup(trace, nodes, step) {
  const inner = nodes.filter((node) => !isLeaf(trace.graph.nodes[node]));
  const computed = inner.filter((node) => isComputed(trace, node, step)).length;
  const gradients = nodes.map((node) => gradientAt(trace, node, step)).filter(({ of }) => of);
  const whole = gradients.filter(({ index, of }) => index === of).length;
  const isWhole = whole > 0 && whole === gradients.length;
  const progress = step < trace.seedAt ? `${computed}/${inner.length} data` : `${whole}/${gradients.length} grad`;
  return {
    phase: isWhole ? "whole" : whole ? "partial" : computed === inner.length ? "computed" : "pending",
    data: `${nodes.length} nodes`,
    gradient: progress,
    badge: isWhole ? "✓" : "",
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// Arrows
// ---------------------------------------------------------------------------------------------------------------------

function arrowOf(boxes, [from, to, count, points]) {
  const d = `M${points.slice(0, 2)}C${points.slice(2)}`;
  const line = svg("path", { class: "line", d });
  const head = svg("path", { class: "head" });
  const name = `from ${boxes[from].title || "a constant"} to ${boxes[to].title}`;
  const reach = svg("path", { class: "reach", d }); // wide enough for a pointer
  const element = svg("g", { class: "arrow", role: "img", "aria-label": name }, reach, line, head);
  const arrow = { element, from: boxes[from], to: boxes[to], points, line, head, bar: null, edges: [] };
  if (count > 1) element.append(placeAtMiddle(svg("text", { class: "count" }, grouped(count)), arrow));
  return arrow;
}

function updateArrow(arrow, trace, step) {
  const steps = arrow.edges.map((edge) => trace.edgeAt.get(edgeKey(edge))).filter((at) => at !== undefined);
  const done = steps.filter((at) => at <= step);
  const computed = arrow.to.nodes.every((node) => isComputed(trace, node, step));
  const blocked =
    computed && steps.length > 0 && steps.every((at) => Math.abs(trace.steps[at].local) < NEXT_TO_NOTHING);
  const largest = Math.max(0, ...done.map((at) => Math.abs(trace.steps[at].contribution)));
  const width = done.length ? 1.5 + 3 * Math.sqrt(Math.min(largest / trace.largest, 1) || 0) : 1.25;
  mark(arrow.element, "data-status", statusOf(steps, done, step));
  mark(arrow.element, "data-phase", computed ? "computed" : "pending");
  mark(arrow.line, "stroke-width", width.toFixed(2));
  mark(arrow.head, "d", headOf(arrow.points, done.length > 0, width));
  arrow.bar?.remove();
  arrow.bar = blocked ? svg("path", { class: "bar", d: barOf(arrow.points) }) : null;
  if (blocked) arrow.element.append(arrow.bar);
}

// How far an arrow is, whose edges carry their contributions at these steps. "none": no derivative is recorded on it.
function statusOf(steps, done, step) {
  if (!steps.length) return "none";
  if (steps.includes(step)) return "active";
  if (!done.length) return "pending";
  return done.length < steps.length ? "partial" : "done";
}

// A triangle at the end of a curve, or at its beginning once the gradient has come back along it.
function headOf(points, isBack, width) {
  const [x, y, fromX, fromY] = isBack ? points : [...points.slice(-2), ...points.slice(-4, -2)];
  const length = Math.hypot(x - fromX, y - fromY) || 1;
  const [dx, dy] = [(x - fromX) / length, (y - fromY) / length];
  const [long, wide] = [6 + width, 2.5 + width * 0.7];
  const corner = (side) =>
    `${(x - dx * long + side * dy * wide).toFixed(1)} ${(y - dy * long - side * dx * wide).toFixed(1)}`;
  return `M${x} ${y}L${corner(1)}L${corner(-1)}Z`;
}

function barOf(points) {
  const { x, y, dx, dy } = middleOf(points);
  const stroke = (along) => {
    const end = (side) => [x + along * dx - side * dy, y + along * dy + side * dx].map((place) => place.toFixed(1));
    return `M${end(7)}L${end(-7)}`;
  };
  return stroke(-2) + stroke(2);
}

// The middle of a curve of Bézier pieces, and the direction of the curve there.
function middleOf(points) {
  const pieces = (points.length / 2 - 1) / 3;
  const piece = Math.min(Math.floor(pieces / 2), pieces - 1);
  const t = pieces / 2 - piece;
  const at = (k) => {
    const [a, b, c, d] = [0, 1, 2, 3].map((j) => points[2 * (3 * piece + j) + k]);
    const place = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t ** 3 * d;
    return [place, (1 - t) ** 2 * (b - a) + 2 * (1 - t) * t * (c - b) + t * t * (d - c)];
  };
  const [[x, dx], [y, dy]] = [at(0), at(1)];
  const length = Math.hypot(dx, dy) || 1;
  return { x, y, dx: dx / length, dy: dy / length };
}

function placeAtMiddle(text, arrow) {
  const { x, y } = middleOf(arrow.points);
  return filledIn(text, { x: x.toFixed(1), y: (y - 6).toFixed(1) });
}
