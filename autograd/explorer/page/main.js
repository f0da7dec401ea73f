// The page put together: the model, the views that read it, and the hosts that they stand in.

import { Explorer } from "./model/explorer.js";
import { encode } from "./model/numbers.js";
import { pageOf } from "./model/page_data.js";
import { html } from "./view/elements.js";
import { equationPanel } from "./view/equation.js";
import { helpPanel, pressed } from "./view/help.js";
import { learningPanel } from "./view/learning.js";
import { leavesPanel } from "./view/leaves.js";
import { lessonsPanel } from "./view/lessons.js";
import { stageOf } from "./view/stage.js";
import { transportPanel } from "./view/transport.js";

// Puts an explorer into an element. Returns what takes it away.
function put(element, explorer, isWholePage) {
  const { page } = explorer;
  const leaves = page.isEditable ? leavesPanel(explorer) : null;
  const stage = stageOf(explorer, (leaf) => leaves?.edit(leaf));
  const [equation, transport, help] = [equationPanel(explorer), transportPanel(explorer), helpPanel(explorer)];
  const aside = leaves ? [lessonsPanel(explorer), leaves, learningPanel(explorer), help] : [help];
  const captions = page.notes.map((note) => html("p", { class: "caption" }, note));
  const main = html("div", { class: "main" }, stage.element, equation.element, transport.element, ...captions);
  const beside = html("div", { class: "aside" }, ...aside.map((panel) => panel.element));
  const around = html(
    "div",
    { class: `chainrule-explorer${isWholePage ? " whole" : ""}`, "data-lm-suppress-shortcuts": "true" },
    html("div", { class: "layout" }, main, beside),
  );
  element.append(around);
  const keys = (event) => pressed(explorer, stage, event);
  const hearing = isWholePage ? document : around;
  hearing.addEventListener("keydown", keys);
  explorer.listen(() => [stage, equation, transport, ...aside].forEach(({ update }) => update?.()));
  around.dataset.ready = "true";
  return () => {
    explorer.pause();
    stage.destroy();
    hearing.removeEventListener("keydown", keys);
    around.remove();
  };
}

// What Python calls, with the operations that it has written for the graph.
export function explorerWith(operations) {
  // A widget in a notebook: Python sees the step and the numbers, and can set the step.
  function render({ model, el }) {
    const explorer = new Explorer(pageOf(model.get("data"), operations), model.get("step"));
    const tell = (name, value) => {
      model.set(name, value);
      model.save_changes();
    };
    let told = null; // the numbers that Python has
    explorer.listen(() => {
      const { step, numbers } = explorer;
      if (numbers !== told) tell("numbers", encoded((told = numbers)));
      if (model.get("step") !== step) tell("step", step);
    });
    const away = put(el, explorer, false);
    const follow = () => model.get("step") !== explorer.step && explorer.goTo(model.get("step"));
    model.on("change:step", follow);
    return () => {
      model.off("change:step", follow);
      away();
    };
  }

  // The page in a file of its own.
  function start() {
    put(document.body, new Explorer(pageOf(document.getElementById("data").textContent, operations)), true);
    performance.mark("explorer-ready");
  }

  return { render, start };
}

const encoded = (numbers) =>
  Object.fromEntries(Object.entries(numbers).map(([leaf, number]) => [leaf, encode(number)]));
