// The tray: where the design starts, and the sliders that change it.

import { button, el, figure, float, icon, menu, section, spoken, typing } from "./dom.js";
import { Layers, inWords, narrowed } from "./layers.js";
import { Mixing } from "./mixing.js";
import { keyOf } from "./moves.js";
import { Start } from "./start.js";

const RANGE = 3;
const WIDE = 6;
const KINDS = {
  principal: "principal",
  factorised: "factorised",
  dimension: "dimension",
  supervised: "from labels",
  pointed: "by pointing",
};

export class Tray {
  #table;
  #place;
  #doing;
  #rows = new Map();
  #wide = new Set();
  #start = null;
  #mixing = null;
  #built = "";

  /** `doing`: {teach, find, lock, rename, remove, saveDirection}, what the buttons do beyond moving. */
  constructor(table, place, doing) {
    this.#table = table;
    this.#place = place;
    this.#doing = doing;
    table.addEventListener("server", () => this.#build());
    table.addEventListener("active", () => this.#build());
    table.addEventListener("world", () => {
      this.#build();
      this.#update();
    });
    place.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Rebuilt only when other sliders or other beginnings are to be seen: a drag must keep its slider. */
  #build() {
    const sliders = this.#table.sliders();
    const run = this.#table.run(this.#table.active);
    const signature = JSON.stringify([sliders, run, this.#table.world.shown]);
    if (signature === this.#built) return;
    this.#built = signature;
    const focused = document.activeElement?.closest?.(".slider")?.dataset.key;
    this.#start = run ? new Start(this.#table, run, this.#doing.fresh) : null;
    this.#mixing = run?.layers ? new Mixing(this.#table, run) : null;
    this.#rows = new Map(sliders.map((slider) => [keyOf(slider), this.#row(slider)]));
    const rows = (named) => sliders.filter((one) => one.named === named).map((one) => this.#rows.get(keyOf(one)).node);
    const start = () => [section("Start", [], this.#start.parts), ...(this.#mixing ? [this.#mixing.node] : [])];
    this.#place.replaceChildren(...(run ? [...start(), this.#named(rows(true)), this.#found(rows(false))] : []));
    this.#update();
    if (focused) this.#rows.get(focused)?.input.focus();
  }

  #named(rows) {
    const teach = button("Teach a slider", () => this.#doing.teach(), {
      image: "point",
      kind: "primary small",
      hint: "Teach a slider (T)",
    });
    const none = el(
      "p",
      { class: "empty-note" },
      "None yet. Show what you mean by clicking on pictures, and it becomes a slider.",
    );
    const reset = button("Reset all", () => this.#reset(), { kind: "ghost small" });
    return section("Your sliders", [reset, teach], rows.length ? rows : [none]);
  }

  #found(rows) {
    const find = button("Find sliders", () => this.#doing.find(find), {
      image: "look",
      kind: "small",
      hint: "Let the model look for sliders",
    });
    const none = el(
      "p",
      { class: "empty-note" },
      "The model can look for directions along which its pictures change most.",
    );
    return section("Found", [find], rows.length ? rows : [none]);
  }

  #reset() {
    this.#table.change((world) => ({ ...world, moves: [] }));
  }

  // --- one slider

  #row(slider) {
    const key = keyOf(slider);
    const words = spoken(slider.name);
    const set = (change, then) => {
      this.#table.live(this.#table.setMove(slider, change));
      then?.();
    };
    const reset = () => set({ amount: 0 }, () => this.#table.commit());
    const input = el("input", {
      type: "range",
      step: 0.05,
      id: `slider-${key.replace(/\s/g, "_")}`,
      aria: { label: words },
      ondblclick: reset,
      oninput: () => set({ amount: Number(input.value) }),
      onchange: () => this.#table.commit(key),
    });
    const value = el("output", { class: "value", title: "Double-click to reset", ondblclick: reset });
    const lock = button(`Lock ${words}`, () => this.#doing.lock(slider, lock), {
      kind: "ghost square lock",
      wordless: true,
    });
    const more = button(`More for ${words}`, () => menu(more, this.#items(slider, reset)), {
      image: "more",
      kind: "ghost square",
      wordless: true,
      aria: { haspopup: "menu" },
    });
    const most = Math.max(...slider.runs.map((run) => run.layers ?? 0));
    const layers = most ? this.#layers(slider, most) : null;
    const many = this.#table.shown.length > 1 && slider.runs.length < this.#table.shown.length;
    const name = el("label", { class: "slider-name", for: input.id }, words);
    const origin = many ? el("span", { class: "tag" }, slider.runs.map((run) => run.name).join(", ")) : null;
    const weak = slider.weak ? el("p", { class: "weak" }, "Weak: too unsure to trust.") : null;
    const node = el(
      "div",
      { class: `slider ${slider.weak ? "is-weak" : ""}`, data: { key } },
      el("div", { class: "slider-head" }, dot(slider), name, origin, layers?.control, value, lock, more),
      input,
      weak,
    );
    return { node, input, value, lock, slider, layers };
  }

  /** In which layers a slider acts: behind a button that says it. */
  #layers(slider, most) {
    const words = spoken(slider.name);
    const open = () => {
      const range = new Layers(most, {
        of: words,
        live: (chosen) => this.#table.live(this.#table.setMove(slider, { layers: narrowed(chosen, most) })),
        commit: (step) => this.#table.commit(step),
      });
      layers.open = range;
      this.#showLayers({ slider, layers });
      const about = el("p", {}, `Layers in which ${words} acts`);
      float(control, el("div", { class: "pop", role: "dialog", popover: "auto", aria: { label: about.textContent } }, about, range.node));
      range.thumbs[0].focus();
    };
    const control = button("", open, { image: "layers", kind: "ghost layers-of", aria: { haspopup: "dialog" } });
    const layers = { control, most, open: null };
    return layers;
  }

  #items(slider, reset) {
    const wide = this.#wide.has(keyOf(slider));
    const resize = () => {
      this.#wide[wide ? "delete" : "add"](keyOf(slider));
      this.#update();
    };
    return [
      ["Reset", reset],
      [wide ? `Range ±${RANGE}` : `Wider range, ±${WIDE}`, resize],
      [slider.named ? "Rename…" : "Name it…", () => this.#doing.rename(slider)],
      ["Save the direction", () => this.#doing.saveDirection(slider)],
      ["Remove…", () => this.#doing.remove(slider)],
    ];
  }

  #key(event) {
    const row = event.target.closest(".slider");
    if (!row || typing(event) || event.target.type !== "range" || event.ctrlKey || event.metaKey) return;
    if (event.key !== "0" && event.key !== "Backspace") return;
    event.preventDefault();
    const { slider } = this.#rows.get(row.dataset.key);
    this.#table.change(this.#table.setMove(slider, { amount: 0 }));
  }

  // --- values

  #update() {
    for (const row of this.#rows.values()) {
      this.#showMove(row);
      if (row.layers) this.#showLayers(row);
    }
    this.#start?.update();
    this.#mixing?.update();
  }

  #showMove({ node, input, value, lock, slider }) {
    const { amount, locked } = this.#table.move(slider);
    const range = Math.abs(amount) > RANGE || this.#wide.has(keyOf(slider)) ? WIDE : RANGE;
    Object.assign(input, { min: -range, max: range, disabled: locked });
    if (Number(input.value) !== amount) input.value = amount;
    input.style.setProperty("--from", `${50 + (Math.min(0, amount) / range) * 50}%`);
    input.style.setProperty("--to", `${50 + (Math.max(0, amount) / range) * 50}%`);
    value.textContent = amount ? (amount > 0 ? "+" : "") + figure(amount) : "0";
    input.setAttribute("aria-valuetext", value.textContent + (slider.weak ? ", weak" : ""));
    node.classList.toggle("locked", locked);
    if (lock.getAttribute("aria-pressed") === String(locked)) return;
    lock.setAttribute("aria-pressed", String(locked));
    lock.title = locked ? "Locked: other sliders leave it alone" : "Lock: other sliders leave it alone";
    lock.replaceChildren(icon(locked ? "lock" : "open"));
  }

  #showLayers({ slider, layers: { control, most, open } }) {
    const { layers, locked } = this.#table.move(slider);
    const range = narrowed(layers, most);
    open?.show(range ?? [1, most]);
    const said = range ? inWords(range) : "all";
    control.lastChild.textContent = range ? said : "";
    control.classList.toggle("limited", Boolean(range));
    control.title = `Layers: ${said}`;
    control.setAttribute("aria-label", `Layers of ${spoken(slider.name)}: ${said}`);
    control.disabled = locked;
  }
}

/** How sure the slider is: a ring that fills, and the same in words. */
function dot(slider) {
  const words = `${slider.measure} ${figure(slider.confidence)} (${KINDS[slider.kind] ?? slider.kind})`;
  const node = el("span", { class: "dot", role: "img", title: slider.about || words, aria: { label: words } });
  node.style.setProperty("--sure", `${Math.round(100 * Math.max(0, Math.min(1, slider.confidence)))}%`);
  return node;
}
