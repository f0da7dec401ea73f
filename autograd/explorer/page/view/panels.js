// What stands around the graph: the equation, the transport, the leaves. Each panel is {element, update}; update is
// called after every change.

const SPEEDS = [0.5, 1, 2, 5, 15, 60]; // steps a second

const panel = (title, name, ...parts) =>
  html("section", { class: `panel ${name}`, "aria-label": title }, html("h2", {}, title), ...parts);

const labelled = (text, field) => html("label", {}, text, field);

// A field for a number. `take` gets the number when it has been written; what does not fit is marked and not taken.
function numberField(number, label, take, fits = (written) => written !== undefined) {
  const field = html("input", {
    type: "text",
    inputmode: "decimal",
    "aria-label": label,
    autocomplete: "off",
    spellcheck: "false",
    onchange,
  });
  field.value = exact(number);
  function onchange() {
    const written = parse(field.value);
    mark(field, "aria-invalid", String(!fits(written)));
    if (!fits(written)) return;
    field.value = exact(written);
    take(written);
  }
  return field;
}

// ---------------------------------------------------------------------------------------------------------------------
// The equation of the step
// ---------------------------------------------------------------------------------------------------------------------

function equationPanel(explorer) {
  const symbolic = html("div", { class: "symbolic" });
  const terms = html("div", { class: "terms" });
  const effect = html("div", { class: "effect" });
  const spoken = html("div", { class: "spoken", role: "status", "aria-live": "polite" });
  const element = html("section", { class: "equation", "aria-label": "equation" }, symbolic, terms, effect, spoken);

  function update() {
    const { page, trace, step } = explorer;
    const equation = equationOf(page, trace, step);
    symbolic.replaceChildren(...equation.symbolic.map(fraction));
    mark(symbolic, "class", equation.isProse ? "prose" : "symbolic");
    terms.replaceChildren(...equation.terms.map(term));
    write(effect, equation.effect);
    if (!explorer.isPlaying || explorer.speed <= 1) write(spoken, explorer.message.text || equation.spoken);
  }
  return { element, update };
}

// A piece of a formula: text, or the two parts of a fraction one above the other.
function fraction(piece) {
  if (typeof piece === "string") return piece;
  const [over, under] = piece;
  return html(
    "span",
    { class: "fraction" },
    html("span", {}, over),
    html("span", { class: "slash" }, "/"),
    html("span", {}, under),
  );
}

function term([shown, caption, part]) {
  if (!caption) return html("span", { class: "operator" }, shown);
  return html("span", { class: `term ${part ?? ""}` }, html("b", {}, shown), html("small", {}, caption));
}

// ---------------------------------------------------------------------------------------------------------------------
// The transport
// ---------------------------------------------------------------------------------------------------------------------

function transportPanel(explorer) {
  const play = iconButton("play", "play", () => explorer.playOrPause());
  const scrubber = html("input", {
    type: "range",
    class: "scrubber",
    min: "0",
    "aria-label": "step",
    oninput: () => explorer.goTo(Number(scrubber.value)),
  });
  const phases = ["forward", "backward"].map((name) => html("span", { class: name }, name));
  const counter = html("output", { class: "counter", "aria-live": "off" });
  const speed = html(
    "select",
    { "aria-label": "speed", title: "speed", onchange: () => (explorer.speed = Number(speed.value)) },
    ...SPEEDS.map((value) => html("option", { value, selected: value === explorer.speed }, `${value} / s`)),
  );
  const element = html(
    "section",
    { class: "transport", "aria-label": "steps" },
    iconButton("start", "to the start (Home)", () => explorer.goTo(0)),
    iconButton("nodeBack", "to the node before (Shift ←)", () => explorer.goToNode(-1)),
    iconButton("back", "back (←)", () => explorer.goTo(explorer.step - 1)),
    play,
    iconButton("step", "step (→)", () => explorer.goTo(explorer.step + 1)),
    iconButton("nodeStep", "to the next node (Shift →)", () => explorer.goToNode(1)),
    iconButton("end", "to the end (End)", () => explorer.goTo(explorer.trace.last)),
    html("div", { class: "track" }, scrubber, html("div", { class: "phases", "aria-hidden": "true" }, ...phases)),
    counter,
    speed,
  );

  function update() {
    const { trace, step, isPlaying } = explorer;
    scrubber.max = trace.last;
    scrubber.value = step;
    mark(scrubber, "aria-valuetext", `step ${step} of ${trace.last}`);
    write(counter, `${step} / ${trace.last}`);
    phases[0].style.flexGrow = trace.seedAt - 1;
    phases[1].style.flexGrow = trace.last - trace.seedAt + 1;
    play.become(isPlaying ? "pause" : "play", isPlaying ? "pause (Space)" : "play (Space)");
  }
  return { element, update };
}

// ---------------------------------------------------------------------------------------------------------------------
// The leaves: their numbers, and what a nudge does
// ---------------------------------------------------------------------------------------------------------------------

const MOST_ROWS = 8; // of more leaves than that, one is shown at a time

function leavesPanel(explorer) {
  const { page } = explorer;
  const isShort = page.leaves.length <= MOST_ROWS;
  const names = isShort ? [] : page.leaves.map((leaf) => html("option", { value: leaf }, leafName(page, leaf)));
  const picker = html("select", { onchange: () => explorer.pick(Number(picker.value)) }, ...names);
  const rows = page.leaves.slice(0, isShort ? MOST_ROWS : 1).map((leaf) => leafRow(explorer, leaf));
  const h = numberField(
    explorer.h,
    "h",
    (number) => (explorer.h = number),
    (number) => Number.isFinite(number) && number !== 0,
  );
  const message = html("p", { class: "message" });
  const element = panel(
    "Leaves",
    "leaves",
    ...(isShort ? [] : [labelled(`one of ${page.leaves.length} `, picker)]),
    html("div", { class: "rows" }, ...rows.map((row) => row.element)),
    labelled("a nudge is by h = ", h),
    message,
  );

  explorer.edit = (leaf) => {
    explorer.pick(leaf);
    rows[isShort ? page.leaves.indexOf(leaf) : 0].field.focus();
  };

  function update() {
    if (!isShort && explorer.picked !== null) {
      picker.value = explorer.picked;
      rows[0].turnTo(explorer.picked);
    }
    rows.forEach((row) => row.update());
    write(message, explorer.messageOf("leaves"));
  }
  return { element, update };
}

const leafName = (page, leaf) => page.nodes[leaf].name || `constant ${show(page.nodes[leaf].data)}`;

function leafRow(explorer, first) {
  const { page } = explorer;
  let leaf = first;
  const name = html("span", { class: "name" });
  const field = numberField(0, "", (number) => explorer.setNumber(leaf, number));
  const slider = html("input", { type: "range", oninput: () => explorer.setNumber(leaf, Number(slider.value)) });
  const gradient = html("span", { class: "gradient" });
  const nudge = textButton("nudge +h", () => explorer.tell(explorer.nudge(leaf), "leaves"));
  const element = html("div", { class: "leaf" }, name, field, nudge, slider, gradient);

  function turnTo(other) {
    leaf = other;
    const { kind } = page.nodes[leaf];
    const title = page.nodes[leaf].title || leafName(page, leaf);
    write(name, leafName(page, leaf));
    mark(name, "title", title);
    mark(element, "data-kind", kind);
    mark(field, "aria-label", `${title}, number`);
    mark(slider, "aria-label", `${title}, slider`);
    mark(nudge, "aria-label", `nudge ${title} by h`);
    nudge.hidden = kind === "constant";
    const middle = Number.isFinite(page.nodes[leaf].data) ? page.nodes[leaf].data : 0;
    const reach = Math.max(1, 2 * Math.abs(middle));
    Object.assign(slider, { min: middle - reach, max: middle + reach, step: reach / 100 });
  }

  function update() {
    const number = explorer.numbers()[leaf];
    if (!field.matches(":focus")) field.value = exact(number);
    if (Number(slider.value) !== number) slider.value = number;
    const { gradient: now } = gradientAt(explorer.trace, leaf, explorer.step);
    write(gradient, nudge.hidden ? "no gradient" : `grad ${now === null ? "·" : show(now)}`);
  }
  turnTo(first);
  return { element, field, turnTo, update };
}
