// What keys do.

// Everywhere but in fields, and Space and Enter not on buttons, which have a use for them.
export function pressed(explorer, stage, event) {
  const target = event.target;
  const isWriting = target.matches?.("input:not(.scrubber), select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting) return;
  if ((event.key === " " || event.key === "Enter") && target.matches("button, summary")) return;
  const inGraph = stage.element.contains(target);
  const all = {
    ArrowRight: () => (event.shiftKey ? explorer.goToNode(1) : explorer.goTo(explorer.step + 1)),
    ArrowLeft: () => (event.shiftKey ? explorer.goToNode(-1) : explorer.goTo(explorer.step - 1)),
    Home: () => explorer.goTo(0),
    End: () => explorer.goTo(explorer.trace.last),
    " ": () => explorer.playOrPause(),
    "+": () => stage.magnify(1.25),
    "-": () => stage.magnify(0.8),
    0: () => stage.fit(),
    Escape: () => explorer.close(),
    ...(inGraph && { ArrowUp: () => stage.move(-1), ArrowDown: () => stage.move(1), Enter: () => stage.choose() }),
  };
  if (!Object.hasOwn(all, event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  all[event.key]();
}
