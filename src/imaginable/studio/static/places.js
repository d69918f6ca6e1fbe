// What the page shows: several models with sliders side by side, one that makes pictures of pictures, or anomalies.

import { $, button, say } from "./dom.js";
import { MOST_PANES } from "./state.js";

const KEPT = "imaginable-place";
const SKIPS = {
  sliders: ["#tray", "Skip to the sliders"],
  work: ["#work", "Skip to the picture"],
  anomalies: ["#alarms", "Skip to the pictures"],
};

/** Events: "place", when the page has become another. */
export class Places extends EventTarget {
  #table;
  #workshop;
  #alarms;
  #chips = "";

  constructor(table, workshop, alarms) {
    super();
    [this.#table, this.#workshop, this.#alarms] = [table, workshop, alarms];
    table.addEventListener("server", () => this.#settle());
    table.addEventListener("world", () => this.#mark());
  }

  get name() {
    if (this.#alarms.run) return "anomalies";
    return this.#workshop.run ? "work" : "sliders";
  }

  /** The model whose anomalies can be looked at from here, if any. */
  get judges() {
    const run = this.#workshop.run ?? this.#table.run(this.#table.active);
    return this.#alarms.run || !run?.scores ? null : run;
  }

  judge() {
    this.#enter(this.judges, true);
  }

  /** From anomalies to what else the model does. */
  back() {
    const run = this.#alarms.run;
    this.#enter(run, false);
    if (!run.task) this.#return(run);
  }

  /** The sliders' room, or a page of one model: that of before a reload, where it is still there. */
  #settle() {
    const { runs, apart } = this.#table.server;
    const all = [...runs, ...apart];
    const known = (id) => all.find((run) => run.id === id);
    if (!known(this.#workshop.run?.id)) this.#workshop.close();
    if (!known(this.#alarms.run?.id)) this.#alarms.close();
    if (this.name === "sliders") {
      const { id, judged } = kept();
      const wanted = known(id) ?? (runs.length ? null : apart[0]);
      if (wanted && (wanted.task || judged)) this.#go(wanted, judged);
    }
    this.#show(all);
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
    $("room").hidden = this.name !== "sliders";
    [$("skip").href, $("skip").textContent] = SKIPS[this.name];
    this.#mark();
    this.dispatchEvent(new Event("place"));
  }

  #mark() {
    const one = this.#alarms.run ?? this.#workshop.run;
    const shown = one ? [one.id] : this.#table.world.shown;
    for (const chip of $("runs").children) chip.setAttribute("aria-pressed", String(shown.includes(chip.dataset.run)));
  }

  #choose(run) {
    const away = this.name !== "sliders";
    this.#enter(run, false);
    if (run.task) return undefined;
    return away ? this.#return(run) : this.#toggle(run);
  }

  #enter(run, judged) {
    this.#go(run, judged);
    keep({ id: run.task || judged ? run.id : "", judged });
    this.#arrange();
  }

  #go(run, judged) {
    const scored = judged || run.task === "score";
    if (scored) this.#alarms.open(run);
    else this.#alarms.close();
    if (run.task && !scored) this.#workshop.open(run);
    else this.#workshop.close();
  }

  /** From another page to this model, beside those that were there. */
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
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep(place) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(place));
  } catch {
    /* a forbidden storage costs the place after a reload, nothing else */
  }
}
