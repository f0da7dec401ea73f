// What the page knows at a moment: the numbers in the leaves, the trace made of them, and the step that is shown.
//
// What happens on the page calls a method; every method that changes something calls the listeners, and these read.

import { forward } from "./engine.js";
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
    this.#repeatOrPause("isPlaying", () => {
      this.goTo(this.step + 1);
      return this.step < this.trace.last;
    });
  }

  trainOrPause() {
    this.#repeatOrPause("isTraining", () => {
      this.descend();
      return Number.isFinite(this.losses.at(-1));
    });
  }

  // Does something again and again, until it is paused or gives false.
  #repeatOrPause(name, work) {
    const wasRunning = this[name];
    const next = () => (work() ? wait() : this.pause());
    const wait = () => (this.#timer = setTimeout(next, this.isPlaying ? 1000 / this.speed : 60));
    this.pause();
    if (wasRunning) return;
    this.set({ [name]: true });
    wait();
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
    const [from, to] = [this.numbers[leaf], this.numbers[leaf] + this.h];
    const [before, after] = [from, to].map((number) => meanLoss(this.page, [{ ...this.numbers, [leaf]: number }]));
    const slope = (after - before) / this.h;
    return { leaf, from, to, before, after, slope, gradient: this.trace.gradients[leaf] };
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
    const learned = this.isOverAll ? every : [this.example];
    const numbersOf = (examples) => examples.map((example) => this.#numbersOf(example));
    const loss = (examples) => meanLoss(this.page, numbersOf(examples));
    const before = loss(learned);
    if (!this.losses.length) this.losses.push(loss(every));
    const gradients = numbersOf(learned).map((numbers) => traceOf(this.page, numbers).gradients);
    for (const leaf of this.moving) this.shared[leaf] -= this.rate * mean(gradients.map((of) => of[leaf]));
    this.losses.push(loss(every));
    const descent = { before, after: loss(learned), moved: [...this.moving], isOverAll: this.isOverAll };
    this.#retrace({ about: "learning", descent });
  }
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

// The mean loss of examples, of each of which the numbers in the leaves are given.
const meanLoss = ({ graph, operations }, examples) =>
  mean(examples.map((numbers) => forward(graph, operations, numbers)[graph.root]));
