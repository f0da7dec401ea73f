// Making elements. Text goes in as text nodes: whatever a label says, it is never read as markup.

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

export const textButton = (text, onclick, attributes = {}) => html("button", { type: "button", onclick, ...attributes }, text);
