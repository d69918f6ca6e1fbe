// What can be done with sliders besides moving them: find, lock, name, remove, save.

import * as api from "./api.js";
import { ask, attempt, button, dialog, el, menu, say, spoken } from "./dom.js";
import { keyOf } from "./moves.js";

const COUNT = 8;
const WAYS = [
  ["Where codes vary most (principal)", "principal"],
  ["What the first layer reacts to most (factorised)", "factorised"],
  ["What an inner layer shows most (layer)", "layer"],
  ["The code's own dimensions", "dimensions"],
  ["From the labels of the data", "supervised"],
];

export class Directions {
  #table;
  constructor(table) {
    this.#table = table;
  }

  find(anchor) {
    const run = this.#table.active;
    menu(
      anchor,
      WAYS.map(([text, kind]) => [
        text,
        () =>
          attempt(
            async () => {
              say("Looking for sliders; this can take a minute …", "busy");
              const before = this.#table.run(run).directions.length;
              const { directions } = await api.find(run, kind, COUNT);
              this.#table.setDirections(run, directions);
              const more = directions.length - before;
              say(more > 0 ? `Found ${more} sliders.` : "Found no other sliders than before.");
            },
            { busy: anchor },
          ),
      ]),
    );
  }

  /** Locks change what the other sliders do, so what they did until now is folded into the beginning first. */
  lock(slider, control) {
    return attempt(
      async () => {
        const table = this.#table;
        const { locked, layers } = table.move(slider);
        const moved = table.shown.filter((run) => !run.gone && table.design(run.id).moves.some((move) => move.amount));
        const designs = moved.map((run) => table.design(run.id));
        const codes = await Promise.all(designs.map((design) => api.fold(design)));
        const others = (moves) =>
          moves.filter((move) => keyOf(move) !== keyOf(slider)).map((move) => ({ ...move, amount: 0 }));
        table.fold(designs, codes, (moves) => [
          ...others(moves),
          { name: slider.name, run: slider.run, amount: 0, locked: !locked, layers },
        ]);
        const what = `${spoken(slider.name)} is ${locked ? "free again" : "held still"}`;
        say(moved.length ? `${what}; this picture is kept as the new starting point.` : `${what}.`);
      },
      { busy: control },
    );
  }

  async rename(slider) {
    const name = await ask("Name the slider", slider.named ? slider.name : "", "Save name");
    if (!name || (name === slider.name && slider.named)) return;
    await attempt(async () => {
      const answers = await Promise.all(slider.runs.map((run) => api.rename(run.id, slider.name, name)));
      this.#table.renamed(slider, name);
      slider.runs.forEach((run, index) => this.#table.setDirections(run.id, answers[index].directions));
      say(`It is called ${name} now.`);
    });
  }

  remove(slider) {
    const { body, foot, close } = dialog(`Remove ${slider.name}?`);
    body.append(el("p", {}, `It is removed from ${slider.runs.map((run) => run.name).join(" and ")} for good.`));
    const go = button(
      "Remove",
      () =>
        attempt(
          async () => {
            const answers = await Promise.all(slider.runs.map((run) => api.remove(run.id, slider.name)));
            slider.runs.forEach((run, index) => this.#table.setDirections(run.id, answers[index].directions));
            close();
            say(`${slider.name} is gone.`);
          },
          { busy: go },
        ),
      { kind: "danger" },
    );
    foot.append(button("Keep it", close), go);
  }

  save(slider) {
    return attempt(async () => {
      const run = slider.runs.find((one) => one.id === this.#table.active) ?? slider.runs[0];
      api.download(await api.direction(run.id, slider.name));
    });
  }
}
