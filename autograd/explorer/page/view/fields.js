// What panels are made of. A panel is {element, update}; update is called after every change of the explorer.

import { html, mark, write } from "./elements.js";
import { messageInWords } from "./words.js";
import { exact, parse } from "../model/numbers.js";

export const panel = (title, name, ...parts) =>
  html("section", { class: `panel ${name}`, "aria-label": title }, html("h2", {}, title), ...parts);

export const labelled = (text, field) => html("label", {}, text, field);

// A field for a number. `take` gets the number when it has been written; what does not fit is marked and not taken.
export function numberField(number, label, take, fits = (written) => written !== undefined) {
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

// What the explorer has to say about something.
export function messageBox(explorer, about) {
  const element = html("p", { class: "message" });
  const update = () => write(element, explorer.message.about === about ? messageInWords(explorer) : "");
  return { element, update };
}
