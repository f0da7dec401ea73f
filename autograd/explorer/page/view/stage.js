// The pane with the graph in it: how large it is shown, what is looked at, which group is open.

import { drawingOf } from "./drawing.js";
import { html, mark, textButton, write } from "./elements.js";
import { thingInWords } from "./words.js";

const SCALES = { least: 0.01, smallest: 0.2, readable: 0.62, fit: 1.3, largest: 3 };

// `edit` is what is done with a leaf that was clicked.
export function stageOf(explorer, edit) {
  const { page } = explorer;
  const tip = html("div", { class: "tip", role: "tooltip", hidden: true });
  const lookThere = ({ target }) => look(drawing.thingAt(target));
  const lookAway = () => look(null);
  const pane = html("div", {
    class: "pane",
    tabindex: "-1",
    onpointerover: lookThere,
    onfocusin: lookThere,
    onpointerleave: lookAway,
    onfocusout: lookAway,
    onclick: ({ target }) => choose(drawing.thingAt(target)),
  });
  const where = html("span", { class: "where" });
  const close = textButton("◂ close", () => explorer.close(), { class: "close", title: "close (Esc)" });
  const sizes = [
    textButton("−", () => magnify(0.8), { "aria-label": "smaller", title: "smaller (−)" }),
    textButton("fit", () => fit(), { title: "all of the graph (0)" }),
    textButton("+", () => magnify(1.25), { "aria-label": "larger", title: "larger (+)" }),
  ];
  const zoom = html("div", { class: "zoom", role: "group", "aria-label": "size of the graph" }, ...sizes);
  const heading = html("div", { class: "heading" }, html("strong", {}, page.title), where, close, zoom);
  const frame = html("div", { class: "frame" }, pane, tip);
  const element = html("section", { class: "stage", "aria-label": "graph" }, heading, frame);
  let drawing = null;
  let shown = null; // the view that is drawn
  let scale = 1;
  let smallest = SCALES.readable; // of the fits that follow when the pane changes; null once the reader has resized
  let looked = null; // the thing that the tip is about
  let active = []; // the boxes that the step is about
  let followed = -Infinity; // when the pane last moved to them

  function magnify(by) {
    smallest = null;
    scaleTo(Math.min(Math.max(scale * by, Math.min(SCALES.smallest, scale)), SCALES.largest));
  }

  function scaleTo(next) {
    scale = next;
    const { width, height } = page.views[shown];
    mark(drawing.picture, "width", (width * scale).toFixed(0));
    mark(drawing.picture, "height", (height * scale).toFixed(0));
    follow(false);
  }

  // All of the graph, as large as there is room for. A view that opens is never too small to be read: where there is no
  // room for all of it, the pane follows the steps.
  function fit(atLeast = 0) {
    const { width, height } = page.views[shown];
    const room = Math.min((pane.clientWidth - 24) / width, (pane.clientHeight - 24) / height);
    smallest = atLeast;
    scaleTo(Math.min(Math.max(room, atLeast, SCALES.least), SCALES.fit));
  }

  // Brings what the step is about into sight.
  function follow(isSmooth = true) {
    if (!active.length) return;
    const left = Math.min(...active.map((box) => box.x)) * scale;
    const right = Math.max(...active.map((box) => box.x + box.width)) * scale;
    const top = Math.min(...active.map((box) => box.y)) * scale;
    const bottom = Math.max(...active.map((box) => box.y + box.height)) * scale;
    const isInSight =
      left >= pane.scrollLeft &&
      right <= pane.scrollLeft + pane.clientWidth &&
      top >= pane.scrollTop &&
      bottom <= pane.scrollTop + pane.clientHeight;
    if (isInSight) return;
    const isHasty = explorer.isPlaying || performance.now() - followed < 500; // the pane would be late
    followed = performance.now();
    const still = !isSmooth || isHasty || matchMedia("(prefers-reduced-motion: reduce)").matches;
    pane.scrollTo({
      left: (left + right - pane.clientWidth) / 2,
      top: (top + bottom - pane.clientHeight) / 2,
      behavior: still ? "instant" : "smooth",
    });
  }

  function look(thing) {
    looked = thing;
    tip.hidden = !thing;
    if (!thing) return;
    const lines = thingInWords(explorer, thing);
    tip.replaceChildren(...lines.map((line) => html("div", {}, line)));
    mark(thing.element, "aria-label", lines.join(", "));
    // in the half of the pane where the thing is not
    const room = pane.getBoundingClientRect();
    const place = thing.element.getBoundingClientRect();
    const isHigh = place.top + place.height / 2 < room.top + room.height / 2;
    mark(tip, "class", isHigh ? "tip low" : "tip");
  }

  function choose(thing) {
    if (!thing || thing.edges) return;
    if (thing.group !== null) openGroup(page.groups[thing.group]);
    else if (page.leaves.includes(thing.nodes[0])) edit(thing.nodes[0]);
  }

  function openGroup({ view, title, nodes }) {
    if (view === null) explorer.tell(`${title} has ${nodes.length} nodes: too many to be drawn one by one.`);
    else explorer.set({ view });
  }

  function update() {
    const isNew = shown !== explorer.view;
    if (isNew) {
      shown = explorer.view;
      look(null);
      drawing = drawingOf(page, page.views[shown]);
      close.hidden = shown === 0;
    }
    const about = drawing.update(explorer.trace, explorer.step);
    active = about.filter(Boolean);
    write(where, page.views[shown].title + (active.length < about.length ? " (this step is outside of it)" : ""));
    if (isNew) {
      fit(SCALES.readable);
      pane.replaceChildren(drawing.picture); // complete and in its size: the browser lays it out once
      drawing.squeeze(true);
    }
    follow();
    if (looked) look(looked);
  }

  const watcher = new ResizeObserver(() => {
    if (smallest !== null) fit(smallest);
    drawing.squeeze(true);
  });
  watcher.observe(pane);
  return {
    element,
    update,
    fit,
    magnify,
    move: (by) => drawing.move(by),
    choose: () => choose(looked),
    destroy: () => watcher.disconnect(),
  };
}
