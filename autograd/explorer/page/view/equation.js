// The panel with the equation of the step.

import { html, mark, write } from "./elements.js";
import { equationOf, messageInWords } from "./words.js";

export function equationPanel(explorer) {
  const symbolic = html("div", { class: "symbolic" });
  const terms = html("div", { class: "terms" });
  const effect = html("div", { class: "effect" });
  const spoken = html("div", { class: "spoken", role: "status", "aria-live": "polite" });
  const element = html("section", { class: "equation", "aria-label": "equation" }, symbolic, terms, effect, spoken);

  function update() {
    const { trace, step } = explorer;
    const equation = equationOf(trace, step);
    symbolic.replaceChildren(...equation.symbolic.map(fraction));
    mark(symbolic, "class", equation.isProse ? "prose" : "symbolic");
    terms.replaceChildren(...equation.terms.map(term));
    write(effect, equation.effect);
    if (!explorer.isPlaying || explorer.speed <= 1) write(spoken, messageInWords(explorer) || equation.spoken);
  }
  return { element, update };
}

// A piece of a formula: text, or the two parts of a fraction one above the other.
function fraction(piece) {
  if (typeof piece === "string") return piece;
  const [over, under] = piece;
  const slash = html("span", { class: "slash" }, "/");
  return html("span", { class: "fraction" }, html("span", {}, over), slash, html("span", {}, under));
}

function term([shown, caption, part]) {
  if (!caption) return html("span", { class: "operator" }, shown);
  return html("span", { class: `term ${part ?? ""}` }, html("b", {}, shown), html("small", {}, caption));
}
