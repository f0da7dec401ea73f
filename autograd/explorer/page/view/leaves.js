// The panel with the numbers of the leaves, and what a nudge does. `edit` takes the keyboard to the field of a leaf.

import { choice, html, labeled, mark, messageBox, numberField, panel, textButton, write } from "./elements.js";
import { nudgeInWords } from "./words.js";
import { exact, show } from "../model/numbers.js";
import { gradientAt } from "../model/trace.js";

const MOST_ROWS = 8; // of more leaves than that, one is shown at a time

export function leavesPanel(explorer) {
  const { page } = explorer;
  const isShort = page.leaves.length <= MOST_ROWS;
  const names = isShort ? [] : page.leaves.map((leaf) => [leaf, leafName(page, leaf)]);
  const picker = choice(names, (leaf) => explorer.set({ picked: leaf }));
  const rows = page.leaves.slice(0, isShort ? MOST_ROWS : 1).map((leaf) => leafRow(explorer, leaf));
  const fits = (number) => Number.isFinite(number) && number !== 0;
  const h = numberField(explorer.h, "h", (number) => explorer.set({ h: number }), fits);
  const message = messageBox(explorer, "leaves");
  const element = panel(
    "Leaves",
    "leaves",
    ...(isShort ? [] : [labeled(`one of ${page.leaves.length} `, picker)]),
    html("div", { class: "rows" }, ...rows.map((row) => row.element)),
    labeled("a nudge is by h = ", h),
    message.element,
  );

  function edit(leaf) {
    explorer.set({ picked: leaf });
    rows[isShort ? page.leaves.indexOf(leaf) : 0].field.focus();
  }

  function update() {
    if (!isShort && explorer.picked !== null) {
      picker.value = explorer.picked;
      rows[0].turnTo(explorer.picked);
    }
    rows.forEach((row) => row.update());
    message.update();
  }
  return { element, update, edit };
}

const leafName = (page, leaf) => page.nodes[leaf].name || `constant ${show(page.nodes[leaf].data)}`;

function leafRow(explorer, first) {
  const { page } = explorer;
  let leaf = first;
  const name = html("span", { class: "name" });
  const field = numberField(0, "", (number) => explorer.setNumber(leaf, number));
  const slider = html("input", { type: "range", oninput: () => explorer.setNumber(leaf, Number(slider.value)) });
  const gradient = html("span", { class: "gradient" });
  const nudge = textButton("nudge +h", () => explorer.tell(nudgeInWords(page, explorer.nudge(leaf)), "leaves"));
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
    const number = explorer.numbers[leaf];
    if (!field.matches(":focus")) field.value = exact(number);
    if (Number(slider.value) !== number) slider.value = number;
    const { gradient: now } = gradientAt(explorer.trace, leaf, explorer.step);
    write(gradient, nudge.hidden ? "no gradient" : `grad ${now === null ? "·" : show(now)}`);
  }
  turnTo(first);
  return { element, field, turnTo, update };
}
