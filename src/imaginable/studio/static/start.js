// Where the design starts: its seed, its class, its truncation.

import { button, el, figure } from "./dom.js";

// Where truncation is off: a normal prior is cut off so far out that nothing changes; of styles it scales what a picture
// differs from the average by, and 1 leaves that as it is.
const OF_NORMAL = { min: 0.3, max: 3, off: 3, hint: "Lower: more ordinary and cleaner. Higher: more varied." };
const OF_STYLES = {
  min: 0.05,
  max: 1.5,
  off: 1,
  hint: "Below 1: nearer to the average picture, more ordinary and cleaner. Above 1: further from it.",
};
export const LARGEST_SEED = 999_999;

export class Start {
  #table;
  #run;

  constructor(table, run, fresh) {
    [this.#table, this.#run] = [table, run];
    this.seed = this.#seed();
    this.origin = el("p", { class: "muted origin" });
    const renew = button("New", fresh, { image: "dice", kind: "small", hint: "A new seed (N)" });
    this.parts = [line("Seed", this.seed, renew), this.origin];
    if (run.classes.length) this.#offerClasses();
    if (run.truncates) this.#offerTruncation(run.layers ? OF_STYLES : OF_NORMAL);
  }

  #seed() {
    const take = () => {
      if (input.value === "" || !input.checkValidity()) return;
      this.#table.change(this.#table.setStart(this.#table.world.shown, { start: { seed: Number(input.value) } }));
    };
    const limits = { min: 0, max: LARGEST_SEED, step: 1 };
    const input = el("input", { type: "number", class: "field seed", id: "seed", ...limits, onchange: take });
    return input;
  }

  #offerClasses() {
    const options = this.#run.classes.map((name) => el("option", { value: name }, name));
    const take = () => this.#table.change(this.#table.setStart([this.#run.id], { label: this.classes.value }));
    this.classes = el("select", { class: "field", id: "class", onchange: take }, options);
    this.parts.push(line("Class", this.classes));
  }

  #offerTruncation({ min, max, off, hint }) {
    const value = () => (Number(input.value) === off ? null : Number(input.value));
    const input = el("input", {
      type: "range",
      class: off < max ? "" : "plain",
      id: "truncation",
      min,
      max,
      step: 0.05,
      oninput: () => this.#table.live(this.#table.setStart([this.#run.id], { truncation: value() })),
      onchange: () => this.#table.commit("truncation"),
    });
    const shown = el("output", { for: "truncation", class: "value" });
    this.truncation = { input, shown, min, max, off };
    const node = line("Truncation", input, shown);
    node.title = hint;
    this.parts.push(node);
  }

  update() {
    const { start, label, truncation } = this.#table.start(this.#run.id);
    const own = "code" in start;
    if (own || document.activeElement !== this.seed) this.seed.value = start.seed ?? "";
    this.origin.textContent = own ? "Starts from a picture of your own choice." : "";
    if (this.classes) this.classes.value = label ?? this.#run.classes[0]; // what the server takes without one
    if (this.truncation) this.#showTruncation(truncation, this.truncation);
  }

  #showTruncation(truncation, { input, shown, min, max, off }) {
    const value = truncation ?? off;
    const share = (one) => `${(100 * (one - min)) / (max - min)}%`;
    input.value = value;
    input.style.setProperty("--middle", share(off));
    input.style.setProperty("--from", share(Math.min(value, off)));
    input.style.setProperty("--to", share(Math.max(value, off)));
    shown.textContent = truncation === null ? "off" : figure(truncation);
  }
}

const line = (text, control, ...more) =>
  el("div", { class: "line" }, el("label", { for: control.id }, text), control, more);
