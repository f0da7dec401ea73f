// The panel that moves from step to step, and plays them.

import { choice, html, iconButton, mark, write } from "./elements.js";

const SPEEDS = [0.5, 1, 2, 5, 15, 60]; // steps a second

export function transportPanel(explorer) {
  const play = iconButton("play", "play", () => explorer.playOrPause());
  const oninput = () => explorer.goTo(Number(scrubber.value));
  const scrubber = html("input", { type: "range", class: "scrubber", min: "0", "aria-label": "step", oninput });
  const phases = ["forward", "backward"].map((name) => html("span", { class: name }, name));
  const counter = html("output", { class: "counter", "aria-live": "off" });
  const speeds = SPEEDS.map((speed) => [speed, `${speed} / s`]);
  const speed = choice(speeds, (value) => explorer.set({ speed: value }), { "aria-label": "speed", title: "speed" });
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
    speed.value = explorer.speed;
    write(counter, `${step} / ${trace.last}`);
    phases[0].style.flexGrow = trace.seedAt - 1;
    phases[1].style.flexGrow = trace.last - trace.seedAt + 1;
    play.become(isPlaying ? "pause" : "play", isPlaying ? "pause (Space)" : "play (Space)");
  }
  return { element, update };
}
