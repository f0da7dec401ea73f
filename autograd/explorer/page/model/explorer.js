// What the page knows at a moment: the numbers in the leaves, the trace made of them, and the step that is shown.
//
// What happens on the page calls a method; every method that changes something calls the listeners, and these read.

import { descended, meanLoss, nudged } from "./learning.js";
import { nodeStep, sameStep, traceOf } from "./trace.js";

const NO_MESSAGE = { about: "", text: "" };

export class Explorer {
  #listeners = [];
  #timer;

  constructor(page, step = 0) {
    Object.assign(this, { page, step, view: 0, example: 0, picked: null, isPlaying: false, isTraining: false });
    this.set({ speed: 1, h: 0.01, rate: page.rate, isOverAll: true });
    this.moving = new Set(page.learning); // the leaves that a gradient step moves
    this.setBack();
  }

  // Calls `listener` now and after every change.
  listen(listener) {
    this.#listeners.push(listener);
    listener();
  }

  #changed() {
    this.#listeners.forEach((listener) => listener());
  }

  // What the reader sets: the `view` that is drawn and the leaf that is `picked` in the panel of the leaves; `speed`,
  // steps a second of playing; `h` of a nudge; `rate` of gradient steps, and `isOverAll`, whether these learn from all
  // examples or from the one that is shown.
  set(settings) {
    Object.assign(this, settings);
    this.#changed();
  }

  // Says something in the panel that it is about, until the next step.
  tell(text, about = "") {
    this.set({ message: { about, text } });
  }

  // --- Steps ---------------------------------------------------------------------------------------------------------

  goTo(step, message = NO_MESSAGE) {
    this.set({ step: Math.min(Math.max(step, 0), this.trace.last), message });
  }

  goToNode(direction) {
    this.goTo(nodeStep(this.trace, this.step, direction));
  }

  playOrPause() {
    if (!this.isPlaying && this.step === this.trace.last) this.goTo(0);
    this.#runOrPause(
      "isPlaying",
      () => this.goTo(this.step + 1),
      () => this.step < this.trace.last,
      () => 1000 / this.speed,
    );
  }

  trainOrPause() {
    this.#runOrPause(
      "isTraining",
      () => this.descend(),
      () => Number.isFinite(this.losses.at(-1)),
      () => 60,
    );
  }

  #runOrPause(name, work, isOn, pause) {
    const wasRunning = this[name];
    this.pause();
    if (wasRunning) return;
    this[name] = true;
    this.#keepOn(work, isOn, pause);
  }

  // Does something again and again until it is paused or at its end.
  #keepOn(work, isOn, pause) {
    this.#changed();
    this.#timer = setTimeout(() => {
      work();
      if (isOn()) this.#keepOn(work, isOn, pause);
      else this.pause();
    }, pause());
  }

  pause() {
    clearTimeout(this.#timer);
    this.set({ isPlaying: false, isTraining: false });
  }

  // Closes a group that is open.
  close() {
    this.set({ view: this.page.views[this.view].parent ?? 0 });
  }

  // --- Numbers -------------------------------------------------------------------------------------------------------

  // The numbers in the leaves: those that all examples share, and an example's own.
  #numbersOf(example) {
    return { ...this.shared, ...this.own[example] };
  }

  setBack() {
    this.shared = { ...this.page.shared };
    this.own = this.page.examples.map(({ numbers }) => ({ ...numbers }));
    this.losses = [];
    this.#retrace();
  }

  // Both passes again, and the step that is the same event as before.
  #retrace(message) {
    const before = this.trace;
    this.numbers = this.#numbersOf(this.example);
    this.trace = traceOf(this.page, this.numbers);
    this.goTo(before ? sameStep(before, this.step, this.trace) : this.step, message);
  }

  setNumber(leaf, number) {
    (leaf in this.own[this.example] ? this.own[this.example] : this.shared)[leaf] = number;
    this.#retrace();
  }

  choose(example) {
    this.example = example;
    this.#retrace();
  }

  // What a leaf larger by h does to the loss. Tried on a copy: nothing changes.
  nudge(leaf) {
    return { ...nudged(this.page, this.numbers, leaf, this.h), gradient: this.trace.gradients[leaf] };
  }

  // Whether a gradient step moves a leaf.
  hold(leaf, isFixed) {
    if (isFixed) this.moving.delete(leaf);
    else this.moving.add(leaf);
    this.#changed();
  }

  // One step of gradient descent on the mean loss: of all examples, or of the one that is shown.
  descend() {
    const every = [...this.own.keys()];
    const learnt = this.isOverAll ? every : [this.example];
    const loss = (examples) => meanLoss(this.page, examples.map((example) => this.#numbersOf(example)));
    const before = loss(learnt);
    if (!this.losses.length) this.losses.push(loss(every));
    const examples = learnt.map((example) => this.#numbersOf(example));
    Object.assign(this.shared, descended(this.page, examples, this.moving, this.rate));
    this.losses.push(loss(every));
    const descent = { before, after: loss(learnt), moved: [...this.moving], isOverAll: this.isOverAll };
    this.#retrace({ about: "learning", descent });
  }
}
