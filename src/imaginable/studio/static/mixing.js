// Style mixing: the codes of some layers are those of another seed or picture.

import * as api from "./api.js";
import { attempt, button, dialog, el, section } from "./dom.js";
import { Layers } from "./layers.js";
import { LARGEST_SEED } from "./start.js";
import { SHEET, anySeed, grid, placeholders } from "./sheets.js";

const MOST = 4;
const PAUSE_MS = 200;

/** The part of the tray for it, of one model. */
export class Mixing {
  #table;
  #run;
  #rows = [];
  #place = el("div", { class: "mixes" });

  constructor(table, run) {
    [this.#table, this.#run] = [table, run];
    this.more = button("Mix in", () => this.#add(), { image: "mix", kind: "small", hint: "Mix in another picture" });
    this.node = section("Mixing", [this.more], this.#place);
  }

  get #mix() {
    return this.#table.start(this.#run.id).mix;
  }

  #set(mix) {
    return this.#table.setStart([this.#run.id], { mix });
  }

  /** To begin with the finer half, whose exchange leaves most of a picture as it is. */
  #add() {
    const { layers } = this.#run;
    const one = { layers: [Math.floor(layers / 2) + 1, layers], start: { seed: anySeed() } };
    this.#table.change(this.#set([...this.#mix, one]));
    this.#rows.at(-1)?.seed.focus();
  }

  #live(index, change) {
    this.#table.live(this.#set(this.#mix.with(index, { ...this.#mix[index], ...change })));
  }

  #change(index, change) {
    this.#live(index, change);
    this.#table.commit();
  }

  #remove(index) {
    this.#table.change(this.#set(this.#mix.toSpliced(index, 1)));
    this.more.focus();
  }

  update() {
    const mix = this.#mix;
    if (mix.length !== this.#rows.length) this.#build(mix.length);
    mix.forEach((one, index) => this.#rows[index].show(one, this.#table.start(this.#run.id)));
    this.more.disabled = mix.length >= MOST;
  }

  /** Rows are kept while their number stays, so that a drag keeps its thumb. */
  #build(count) {
    this.#rows = Array.from(
      { length: count },
      (_, index) =>
        new Row(this.#table, this.#run, index, {
          live: (change) => this.#live(index, change),
          commit: (step) => this.#table.commit(step),
          change: (change) => this.#change(index, change),
          remove: () => this.#remove(index),
        }),
    );
    const none = el(
      "p",
      { class: "empty-note" },
      "Give some layers the styles of another picture: coarse ones for shape, fine ones for colours.",
    );
    this.#place.replaceChildren(...(count ? this.#rows.map(({ node }) => node) : [none]));
  }
}

/** One source: what it looks like, where it comes from, and for which layers. */
class Row {
  #run;
  #seen = "";
  #timer = 0;

  constructor(table, run, index, doing) {
    this.#run = run;
    const of = `mix ${index + 1}`;
    this.picture = el("img", { class: "mix-picture", alt: `Picture of ${of}` });
    this.seed = el("input", {
      type: "number",
      class: "field seed",
      aria: { label: `Seed of ${of}` },
      placeholder: "a picture",
      min: 0,
      max: LARGEST_SEED,
      step: 1,
      onchange: () => {
        if (this.seed.value !== "" && this.seed.checkValidity()) doing.change({ start: { seed: Number(this.seed.value) } });
      },
    });
    const renew = () => doing.change({ start: { seed: anySeed() } });
    const choose = () => choosePicture(table, run, (start) => doing.change({ start }));
    const tool = (text, image, action) => button(`${text} ${of}`, action, { image, kind: "ghost square", wordless: true });
    this.layers = new Layers(run.layers, { of, live: (layers) => doing.live({ layers }), commit: doing.commit });
    const line = el(
      "div",
      { class: "mix-source" },
      this.seed,
      tool("New seed for", "dice", renew),
      tool("Choose a picture for", "grid", choose),
      tool("Remove", "close", doing.remove),
    );
    this.node = el("div", { class: "mix", role: "group", aria: { label: `Mix ${index + 1}` } }, this.picture, line, this.layers.node);
  }

  show({ start, layers }, { label, truncation }) {
    this.layers.show(layers);
    if ("code" in start || document.activeElement !== this.seed) this.seed.value = start.seed ?? "";
    const wish = wishOf(this.#run, start, { label, truncation });
    const seen = JSON.stringify(wish);
    if (seen === this.#seen) return;
    this.#seen = seen;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(wish, seen), PAUSE_MS);
  }

  async #look(wish, seen) {
    if (!this.node.isConnected) return;
    const answer = await attempt(() => api.sheet(this.#run.id, wish));
    if (answer && seen === this.#seen) [this.picture.src] = answer.pictures;
  }
}

/** The sheet of one picture that shows a source alone. */
function wishOf(run, start, conditions) {
  if ("seed" in start) return { count: 1, seed: start.seed, ...conditions };
  return { count: 1, spread: 0, design: { run: run.id, start, ...conditions, moves: [] } };
}

/** Whether a design is nothing but its start. */
const alone = ({ moves, mix = [] }) => !mix.length && !moves.some((move) => move.amount);

/** A picture to mix in: a snapshot, or one of a sheet of seeds. */
function choosePicture(table, run, taken) {
  const { body, foot, close } = dialog("Mix in a picture", { wide: true, about: "Click the one whose styles you want." });
  const take = (start) => {
    taken(start);
    close();
  };
  const { label, truncation } = table.start(run.id);
  const kept = table.server.snapshots.filter((one) => one.run === run.id);
  if (kept.length) {
    const begin = async ({ design }) =>
      take(alone(design) && design.truncation === truncation ? design.start : { code: await api.fold(design) });
    const own = grid("Snapshots", { pick: (index) => attempt(() => begin(kept[index])) });
    own.fill(
      kept.map(({ id }) => api.thumbnail(id)),
      (index) => kept[index].name,
    );
    body.append(el("h3", {}, "Snapshots"), own.node, el("h3", {}, "Seeds"));
  }
  let starts = [];
  const sheet = grid("Seeds", { pick: (index) => take(starts[index]) });
  const load = () =>
    attempt(
      async () => {
        placeholders(sheet);
        const answer = await api.sheet(run.id, { seed: anySeed(), count: SHEET, label, truncation });
        starts = answer.starts;
        sheet.fill(answer.pictures);
      },
      { busy: others },
    );
  const others = button("Others", load);
  body.append(sheet.node);
  foot.append(others);
  load();
}
