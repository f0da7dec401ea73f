// Making elements: tags, buttons, fields, and panels, of which each is {element, update}; update is called after every
// change of the explorer. Text goes in as text nodes: whatever a label says, it is never read as markup.

import { messageInWords } from "./words.js";
import { exact, parse } from "../model/numbers.js";

const SVG = "http://www.w3.org/2000/svg";

export const html = (tag, attributes, ...children) => filledIn(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) => filledIn(document.createElementNS(SVG, tag), attributes, children);

export function filledIn(element, attributes = {}, children = []) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Changes the text of an element only where it differs: most of the page stays the same from step to step.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

const ICONS = {
  start: "M3 3v10M13 3 6 8l7 5z",
  nodeBack: "M8 3 2 8l6 5zM14 3 8 8l6 5z",
  back: "M11 3 4 8l7 5z",
  play: "M4 2.5 13 8l-9 5.5z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  step: "M5 3l7 5-7 5z",
  nodeStep: "M2 3l6 5-6 5zM8 3l6 5-6 5z",
  end: "M13 3v10M3 3l7 5-7 5z",
};

export function iconButton(icon, title, onclick) {
  const path = svg("path", { d: ICONS[icon] });
  const picture = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
  const button = html("button", { type: "button", class: "icon", title, "aria-label": title, onclick }, picture);
  const become = (other, text) => {
    mark(path, "d", ICONS[other]);
    mark(button, "title", text);
    mark(button, "aria-label", text);
  };
  return Object.assign(button, { become });
}

export const textButton = (text, onclick, attributes = {}) =>
  html("button", { type: "button", onclick, ...attributes }, text);

export const panel = (title, name, ...parts) =>
  html("section", { class: `panel ${name}`, "aria-label": title }, html("h2", {}, title), ...parts);

export const labeled = (text, field) => html("label", {}, text, field);

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
