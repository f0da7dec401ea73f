// What the page knows at a moment: the numbers in the leaves, the trace made of them, and the step that is shown.

class Explorer {
  // `host` hears of every new step and of new numbers: host.stepped(step), host.changed(numbers).
  constructor(page, host, step = 0) {
    Object.assign(this, { page, host, step, view: 0, example: 0, picked: null, speed: 1, h: 0.01, rate: page.rate });
    Object.assign(this, { isPlaying: false, isTraining: false, isOverAll: true });
    this.moving = new Set(page.learning); // the leaves that a gradient step moves
    this.message = { text: "", about: "" };
    this.edit = () => {}; // what the panel of the leaves does with a leaf that was clicked
    this.listeners = [];
    this.setBack();
  }

  // Calls `listener` after every change.
  listen(listener) {
    this.listeners.push(listener);
    listener();
  }

  changed() {
    this.listeners.forEach((listener) => listener());
  }

  // Says something in one of the panels.
  tell(text, about = "") {
    this.message = { text, about };
    this.changed();
  }

  messageOf(about) {
    return this.message.about === about ? this.message.text : "";
  }

  // --- Steps ---------------------------------------------------------------------------------------------------------

  goTo(step) {
    this.step = Math.min(Math.max(step, 0), this.trace.last);
    this.host.stepped(this.step);
    this.tell("");
  }

  goToNode(direction) {
    this.goTo(nodeStep(this.trace, this.step, direction));
  }

  playOrPause() {
    const wasPlaying = this.isPlaying;
    this.pause();
    if (wasPlaying) return;
    if (this.step === this.trace.last) this.goTo(0);
    this.isPlaying = true;
    this.keepOn(
      () => this.goTo(this.step + 1),
      () => this.step < this.trace.last,
      () => 1000 / this.speed,
    );
  }

  trainOrPause() {
    const wasTraining = this.isTraining;
    this.pause();
    if (wasTraining) return;
    this.isTraining = true;
    this.keepOn(
      () => this.descend(),
      () => Number.isFinite(this.losses.at(-1)),
      () => 60,
    );
  }

  // Does something again and again until it is paused or at its end.
  keepOn(work, isOn, pause) {
    this.changed();
    this.timer = setTimeout(() => {
      work();
      if (isOn()) this.keepOn(work, isOn, pause);
      else this.pause();
    }, pause());
  }

  pause() {
    clearTimeout(this.timer);
    this.isPlaying = this.isTraining = false;
    this.changed();
  }

  // --- What is looked at ---------------------------------------------------------------------------------------------

  open(view) {
    this.view = view;
    this.changed();
  }

  openGroup(group) {
    const { view, title, nodes } = this.page.groups[group];
    if (view === null) this.tell(`${title} has ${nodes.length} nodes: too many to be drawn one by one.`);
    else this.open(view);
  }

  close() {
    this.open(this.page.views[this.view].parent ?? 0);
  }

  // Turns the panel of the leaves to one of them.
  pick(leaf) {
    this.picked = leaf;
    this.changed();
  }

  about(thing) {
    const { page, trace, step } = this;
    if (thing.edges) return aboutArrow(page, trace, thing, step);
    return thing.group === null ? aboutNode(page, trace, thing.nodes[0], step) : aboutGroup(page, thing);
  }

  // --- Numbers -------------------------------------------------------------------------------------------------------

  // The numbers in the leaves: those that all examples share, and an example's own.
  numbers(example = this.example) {
    return { ...this.shared, ...this.own[example] };
  }

  traceOf(example = this.example) {
    if (this.page.recorded) return recordedTrace(this.page.graph, this.page.recorded);
    return traceOf(this.page.graph, this.page.operations, this.numbers(example));
  }

  loss(numbers = this.numbers()) {
    return forward(this.page.graph, this.page.operations, numbers)[this.page.graph.root];
  }

  setBack() {
    this.shared = { ...this.page.shared };
    this.own = this.page.examples.map(({ numbers }) => ({ ...numbers }));
    this.losses = [];
    this.retrace();
  }

  // Both passes again, and the step that is the same event as before.
  retrace() {
    const before = this.trace;
    this.trace = this.traceOf();
    this.host.changed(this.numbers());
    this.goTo(before ? sameStep(before, this.step, this.trace) : this.step);
  }

  setNumber(leaf, number) {
    (leaf in this.own[this.example] ? this.own[this.example] : this.shared)[leaf] = number;
    this.retrace();
  }

  choose(example) {
    this.example = example;
    this.retrace();
  }

  // What a leaf larger by h does to the loss. Tried on a copy: nothing changes.
  nudge(leaf, h = this.h) {
    const numbers = this.numbers();
    const [before, after] = [this.loss(numbers), this.loss({ ...numbers, [leaf]: numbers[leaf] + h })];
    const [name, loss] = [leaf, this.page.graph.root].map((k) => this.page.nodes[k].name);
    const move = (from, to) => `${show(from, 6)} → ${show(to, 6)}`;
    return (
      `${name} ${move(numbers[leaf], numbers[leaf] + h)}: ${loss} ${move(before, after)}. ` +
      `Change / h = ${show((after - before) / h)}, and ${name}.grad = ${show(this.trace.gradients[leaf])}. ` +
      `(This was only tried: ${name} is as before.)`
    );
  }

  // The mean loss of examples; of all of them unless given.
  meanLoss(examples = this.own.keys()) {
    const losses = [...examples].map((example) => this.loss(this.numbers(example)));
    return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  }

  // Whether a gradient step moves a leaf.
  hold(leaf, isFixed) {
    if (isFixed) this.moving.delete(leaf);
    else this.moving.add(leaf);
    this.changed();
  }

  // One step of gradient descent on the mean loss: of all examples, or of the one that is shown.
  descend() {
    const examples = this.isOverAll ? [...this.own.keys()] : [this.example];
    const before = this.meanLoss(examples);
    if (!this.losses.length) this.losses.push(this.meanLoss());
    const every = examples.map((example) => this.traceOf(example).gradients);
    for (const leaf of this.moving) {
      const gradient = every.reduce((sum, found) => sum + found[leaf], 0) / every.length;
      this.shared[leaf] -= this.rate * gradient;
    }
    this.losses.push(this.meanLoss());
    this.retrace();
    const whose = this.own.length === 1 ? "" : this.isOverAll ? "mean " : "this example's ";
    const after = this.meanLoss(examples);
    const losses = `${whose}loss ${show(before, 6)} → ${show(after, 6)}`;
    const text = `A step against the gradient moves ${movedInWords(this)}: ${losses}.`;
    this.tell(text, "learning");
    return text;
  }
}
