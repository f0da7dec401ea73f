// What panels are made of. A panel is {element, update}; update is called after every change of the explorer.

import { html, mark, write } from "./elements.js";
import { messageInWords } from "./words.js";
import { exact, parse } from "../model/numbers.js";

export const panel = (title, name, ...parts) =>
  html("section", { class: `panel ${name}`, "aria-label": title }, html("h2", {}, title), ...parts);

export const labelled = (text, field) => html("label", {}, text, field);

// A field for a number. `take` gets the number when it has been written; what does not fit is marked and not taken.
export function numberField(number, label, take, fits = (written) => written !== undefined) {
  const plain = { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false" };
  const field = html("input", { ...plain, "aria-label": label, onchange });
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

// A list of options, each [value, text]. `take` gets the value of the one that has been chosen.
export function choice(options, take, attributes = {}) {
  const elements = options.map(([value, text]) => html("option", { value }, text));
  const onchange = () => take(options[select.selectedIndex][0]);
  const select = html("select", { ...attributes, onchange }, ...elements);
  return select;
}

// What the explorer has to say about something.
export function messageBox(explorer, about) {
  const element = html("p", { class: "message" });
  const update = () => write(element, explorer.message.about === about ? messageInWords(explorer) : "");
  return { element, update };
}
