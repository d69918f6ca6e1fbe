// Which models are shown: several with sliders side by side, or one that makes pictures of pictures.

import { $, button, say } from "./dom.js";
import { MOST_PANES } from "./state.js";

const KEPT = "imaginable-work";

/** Events: "place", when the page has become another. */
export class Places extends EventTarget {
  #table;
  #workshop;
  #chips = "";

  constructor(table, workshop) {
    super();
    [this.#table, this.#workshop] = [table, workshop];
    table.addEventListener("server", () => this.#settle());
    table.addEventListener("world", () => this.#mark());
  }

  /** The sliders' room, or the page of a model without any: that of before a reload, where it is still there. */
  #settle() {
    const { runs, translators } = this.#table.server;
    const known = (id) => translators.find((run) => run.id === id);
    if (!known(this.#workshop.run?.id)) this.#workshop.close();
    const wanted = known(kept()) ?? (runs.length ? null : translators[0]);
    if (!this.#workshop.run && wanted) this.#workshop.open(wanted);
    this.#show([...runs, ...translators]);
    this.#arrange();
  }

  /** Built anew only when there is something new: a button that is replaced under a finger is never clicked. */
  #show(runs) {
    const signature = JSON.stringify(runs.map(({ id, name, about, gone }) => [id, name, about, gone]));
    if (signature === this.#chips) return;
    this.#chips = signature;
    const chips = (runs.length > 1 ? runs : []).map((run) =>
      button(run.name, () => this.#choose(run), {
        kind: `chip ${run.gone ? "gone" : ""}`,
        hint: run.about,
        data: { run: run.id },
      }),
    );
    $("runs").replaceChildren(...chips);
  }

  #arrange() {
    const works = Boolean(this.#workshop.run);
    $("room").hidden = works;
    $("skip").href = works ? "#work" : "#tray";
    $("skip").textContent = works ? "Skip to the picture" : "Skip to the sliders";
    this.#mark();
    this.dispatchEvent(new Event("place"));
  }

  #mark() {
    const shown = this.#workshop.run ? [this.#workshop.run.id] : this.#table.world.shown;
    for (const chip of $("runs").children) chip.setAttribute("aria-pressed", String(shown.includes(chip.dataset.run)));
  }

  #choose(run) {
    const worked = Boolean(this.#workshop.run);
    if (run.task) this.#workshop.open(run);
    else this.#workshop.close();
    keep(run.task ? run.id : "");
    this.#arrange();
    if (run.task) return undefined;
    return worked ? this.#return(run) : this.#toggle(run);
  }

  /** From the page of another model to this one, beside those that were there. */
  #return(run) {
    if (this.#table.world.shown.includes(run.id)) return this.#table.activate(run.id);
    return this.#toggle(run);
  }

  #toggle(run) {
    const { shown } = this.#table.world;
    const there = shown.includes(run.id);
    if (there && shown.length === 1) return say("One model has to stay.");
    if (!there && shown.length === MOST_PANES) return say(`At most ${MOST_PANES} models side by side.`);
    const next = there ? shown.filter((id) => id !== run.id) : [...shown, run.id];
    this.#table.change((world) => ({ ...world, shown: next }));
    return this.#table.activate(there ? this.#table.active : run.id);
  }
}

function kept() {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(id) {
  try {
    sessionStorage.setItem(KEPT, id);
  } catch {
    /* a forbidden storage costs the place after a reload, nothing else */
  }
}
