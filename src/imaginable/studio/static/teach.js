// Teach a slider: point at the pictures that have most of it and at those that have least.

import * as api from "./api.js";
import { attempt, button, dialog, el, figure, say } from "./dom.js";
import { SHEET, anySeed, grid, placeholders } from "./sheets.js";

const ENOUGH = 3;
const PAUSE_MS = 250;
const SIGNS = { most: "+", least: "−" };
const WORDS = { most: "has most of it", least: "has least of it" };
const NEXT = { undefined: "most", most: "least", least: undefined };
const HINT =
  "Click once for pictures that have most of it (+), twice for least (−), a third time to clear. " +
  "With the keyboard: arrows, then M, L or C.";

export function teach(table, taught) {
  const run = table.run(table.active);
  if (run) new Lesson(table, run, taught).load();
}

class Lesson {
  #table;
  #run;
  #taught;
  #start;
  #marks = new Map(); // start as text -> {start, mark, picture}: marks stay when others are shown
  #starts = [];
  #pictures = [];
  #timer = 0;
  #asked = 0;

  constructor(table, run, taught) {
    [this.#table, this.#run, this.#taught] = [table, run, taught];
    this.#start = table.start(run.id);
    const about = table.shown.length > 1 ? `${HINT} Taught to ${run.name}.` : HINT;
    this.dialog = dialog("Teach a slider", { wide: true, about, closed: () => clearTimeout(this.#timer) });
    this.sheet = grid("Samples", {
      pick: (index) => this.#cycle(index),
      key: (index, event) => this.#key(index, event),
    });
    this.most = el("div", { class: "marked", role: "img" });
    this.least = el("div", { class: "marked", role: "img" });
    this.gauge = el("div", { class: "gauge" }, el("span", {}));
    this.line = el("p", { class: "gauge-line", aria: { live: "polite" } });
    this.name = el("input", {
      type: "text",
      class: "field",
      id: "teach-name",
      maxLength: 60,
      placeholder: "chunky sole",
      autocomplete: "off",
      oninput: () => this.#ready(),
      onkeydown: (event) => {
        if (event.key === "Enter") {
          event.preventDefault();
          this.#save();
        }
      },
    });
    this.save = button("Save slider", () => this.#save(), { kind: "primary" });
    this.others = button("Show others", () => this.load());
    this.dialog.body.append(
      this.sheet.node,
      el(
        "div",
        { class: "lesson" },
        side("Most", this.most),
        side("Least", this.least),
        el("div", { class: "sure" }, this.gauge, this.line),
      ),
    );
    this.dialog.foot.append(
      this.others,
      el("span", { class: "grow" }),
      el("label", { for: "teach-name" }, "Name"),
      this.name,
      this.save,
    );
    this.#show();
  }

  load() {
    return attempt(
      async () => {
        placeholders(this.sheet);
        const { label, truncation } = this.#start;
        const answer = await api.sheet(this.#run.id, {
          seed: anySeed(),
          count: SHEET,
          design: null,
          spread: 0,
          label,
          truncation,
        });
        [this.#starts, this.#pictures] = [answer.starts, answer.pictures];
        this.sheet.fill(answer.pictures);
        this.#starts.forEach((_, index) => this.#paint(index));
        this.sheet.items()[0]?.focus();
      },
      { busy: this.others },
    );
  }

  #cycle(index) {
    this.#mark(index, NEXT[this.#markOf(index)]);
  }
  #markOf(index) {
    return this.#marks.get(JSON.stringify(this.#starts[index]))?.mark;
  }
  #of(mark) {
    return [...this.#marks.values()].filter((one) => one.mark === mark);
  }

  #key(index, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const mark = { m: "most", "+": "most", l: "least", "-": "least", c: undefined, Delete: undefined };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!(key in mark)) return;
    event.preventDefault();
    this.#mark(index, mark[key]);
  }

  #mark(index, mark) {
    const key = JSON.stringify(this.#starts[index]);
    if (mark) this.#marks.set(key, { start: this.#starts[index], mark, picture: this.#pictures[index] });
    else this.#marks.delete(key);
    this.#paint(index);
    this.#show();
  }

  #paint(index) {
    const cell = this.sheet.items()[index];
    const mark = this.#markOf(index);
    cell.dataset.mark = mark ?? "";
    cell.dataset.sign = SIGNS[mark] ?? "";
    cell.setAttribute("aria-label", `Picture ${index + 1}${mark ? `, ${WORDS[mark]}` : ""}`);
  }

  #show() {
    for (const mark of ["most", "least"]) {
      const chosen = this.#of(mark);
      this[mark].replaceChildren(...chosen.map(({ picture }) => el("img", { src: picture, alt: "" })));
      this[mark].setAttribute("aria-label", `${chosen.length} pictures`);
    }
    const missing = ["most", "least"]
      .map((mark) => [mark, ENOUGH - this.#of(mark).length])
      .filter(([, count]) => count > 0);
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#ready();
    if (missing.length)
      this.#measure(null, `Mark ${missing.map(([mark, count]) => `${count} more for ${mark}`).join(" and ")}.`);
    else this.#timer = setTimeout(() => this.#judge(this.#asked), PAUSE_MS);
  }

  #lesson(name) {
    const starts = (mark) => this.#of(mark).map(({ start }) => start);
    const { label, truncation } = this.#start;
    return { name, most: starts("most"), least: starts("least"), label, truncation };
  }

  async #judge(asked) {
    try {
      const { direction } = await api.teach(this.#run.id, this.#lesson(null));
      if (asked === this.#asked) this.#measure(direction, verdict(direction));
    } catch (error) {
      if (asked === this.#asked) this.#measure(null, error.message);
    }
  }

  #measure(direction, text) {
    this.gauge.hidden = !direction;
    this.gauge.firstChild.style.width = `${Math.round(100 * Math.max(0, direction?.confidence ?? 0))}%`;
    this.gauge.classList.toggle("low", Boolean(direction?.weak));
    this.line.textContent = text;
    this.line.classList.toggle("weak", Boolean(direction?.weak));
  }

  #ready() {
    const enough = ["most", "least"].every((mark) => this.#of(mark).length >= ENOUGH);
    this.save.disabled = !enough || !this.name.value.trim();
  }

  #save() {
    if (this.save.disabled) return say("Mark three of each and give it a name first.");
    return attempt(
      async () => {
        const { direction } = await api.teach(this.#run.id, this.#lesson(this.name.value.trim()));
        this.dialog.close();
        await this.#taught(direction);
      },
      { busy: this.save },
    );
  }
}

const side = (title, place) => el("div", { class: "lesson-side" }, el("h3", {}, title), place);

function verdict({ confidence, measure, weak }) {
  const sure = `${measure} ${figure(confidence)}`;
  if (weak)
    return `Weak (${sure}): too unsure to trust. Mark more pictures, and clearer examples; leave out doubtful ones.`;
  return `Good (${sure}): told apart on pictures it was not shown.`;
}
