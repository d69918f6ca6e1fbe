// Layers that have codes of their own, counted from 1, the coarsest: a range of them in words, and the control of one.

import { button, el } from "./dom.js";

const THIRDS = ["Coarse", "Middle", "Fine"];

/** What there is of a range in a model of so many layers, [first, last]. */
export const clipped = (range, layers) => range.map((one) => Math.min(one, layers));

/** The same of a move's: null where it acts in all of them. */
export function narrowed(range, layers) {
  if (!range || !layers) return null;
  const [first, last] = clipped(range, layers);
  return first === 1 && last === layers ? null : [first, last];
}

export const inWords = ([first, last]) => (first === last ? `${first}` : `${first}–${last}`);

/** Named parts of them: all, and three of about the same number. */
function parts(layers) {
  const bound = (third) => Math.round((third * layers) / 3);
  return [
    ["All", [1, layers]],
    ...THIRDS.map((name, third) => [name, [Math.min(bound(third) + 1, layers), Math.max(bound(third + 1), 1)]]),
  ];
}

/** Two thumbs on one line, and buttons for the named parts. `live(range)` on the way, `commit(key)` at its end. */
export class Layers {
  #layers;
  #range;
  #live;
  #commit;
  #named;
  #line;

  constructor(layers, { of, live, commit }) {
    [this.#layers, this.#live, this.#commit, this.#range] = [layers, live, commit, [1, layers]];
    this.#named = parts(layers).map(([name, range]) => ({ range, control: this.#part(name, range, of) }));
    this.thumbs = ["First", "Last"].map((which, end) => this.#thumb(`${which} layer of ${of}`, end));
    this.#line = el("div", { class: "span" }, this.thumbs);
    this.words = el("p", { class: "muted", aria: { live: "polite" } });
    const controls = this.#named.map(({ control }) => control);
    this.node = el(
      "div",
      { class: "layers" },
      el("div", { class: "segments", role: "group", aria: { label: `Layers of ${of}` } }, controls),
      this.#line,
      this.words,
    );
  }

  #part(name, range, of) {
    const take = () => {
      this.#take(range);
      this.#commit(null);
    };
    return button(name, take, { kind: "segment", aria: { label: `${name}: layers ${inWords(range)} of ${of}` } });
  }

  #thumb(label, end) {
    const input = el("input", {
      type: "range",
      min: 1,
      max: this.#layers,
      step: 1,
      aria: { label },
      oninput: () => this.#take(this.#pulled(end, Number(input.value))),
      onchange: () => this.#commit(label),
    });
    return input;
  }

  /** One end to a layer; the other gives way. */
  #pulled(end, layer) {
    const range = this.#range.with(end, layer);
    return range[0] > range[1] ? [layer, layer] : range;
  }

  #take(range) {
    this.show(range);
    this.#live(range);
  }

  show(range) {
    this.#range = range;
    const [first, last] = range;
    const share = (layer) => `${(100 * (layer - 1)) / (this.#layers - 1)}%`;
    this.thumbs.forEach((input, end) => {
      input.value = range[end];
      input.setAttribute("aria-valuetext", `layer ${range[end]} of ${this.#layers}`);
    });
    this.#line.style.setProperty("--from", share(first));
    this.#line.style.setProperty("--to", share(last));
    this.thumbs[0].style.zIndex = 2 * first > this.#layers ? 2 : 0; // where both lie at the end, this one can move
    this.words.textContent = `Layers ${inWords(range)} of ${this.#layers}`;
    for (const { range: own, control } of this.#named)
      control.setAttribute("aria-pressed", String(own[0] === first && own[1] === last));
  }
}
