// The pictures that follow the sliders, one pane a run.
//
// A pane asks for one picture at a time and remembers only the newest wish meanwhile (latest wins); an answer older
// than what is shown is dropped. So a slow server is never buried in requests and a stale state is never shown.

import { $, el, say, spoken } from "./dom.js";

let lastSeq = 0;

export class Pane {
  #socket;
  #wish = null;
  #asked = null;
  #shownSeq = lastSeq; // what another pane of this number asked for is not its own
  #lastDesign = "";

  constructor(socket, index, { label }) {
    this.#socket = socket;
    this.index = String(index);
    this.canvas = el("canvas", { width: 64, height: 64, role: "img", aria: { label } });
    this.context = this.canvas.getContext("2d", { alpha: false });
  }

  /** The picture of this design, as soon as it can be had. */
  ask(design) {
    const text = JSON.stringify(design);
    if (text === this.#lastDesign) return;
    this.#lastDesign = text;
    this.#want(design);
  }

  /** The same once more: the model behind it may have changed. */
  again() {
    if (this.#lastDesign) this.#want(JSON.parse(this.#lastDesign));
  }

  /** After a lost socket: what was asked will not be answered any more. */
  restart() {
    this.#asked = null;
    this.again();
  }

  #want(design) {
    this.#wish = { seq: ++lastSeq, design };
    this.#announce("asked", lastSeq);
    this.#next();
  }

  #next() {
    if (this.#asked || !this.#wish) return;
    const { seq, design } = this.#wish;
    if (!this.#socket.send({ type: "render", pane: this.index, seq, design })) return;
    this.#asked = this.#wish;
    this.#wish = null;
  }

  show({ seq, width, height, pixels }) {
    if (seq >= (this.#asked?.seq ?? 0)) this.#asked = null;
    if (seq > this.#shownSeq) {
      this.#shownSeq = seq;
      if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
      this.context.putImageData(new ImageData(pixels, width, height), 0, 0);
      this.canvas.classList.remove("waiting");
      this.#announce("drawn", seq);
    }
    this.#next();
  }

  fail({ seq, error }) {
    if (seq === this.#asked?.seq) this.#asked = null;
    say(error, "bad");
    this.#next();
  }

  /** For whoever measures or tests the page: which design was asked and drawn, under which number. */
  #announce(what, seq) {
    document.dispatchEvent(new CustomEvent(`imaginable:${what}`, { detail: { pane: this.index, seq } }));
  }
}

/** All panes; frames and errors are given to whom they belong. */
export class Stage {
  panes = new Map(); // run id -> {pane, figure, caption, note}
  extra = new Map(); // pane index -> pane, such as the one of a comparison
  #table;
  #socket;

  constructor(table, socket) {
    this.#table = table;
    this.#socket = socket;
    table.addEventListener("server", () => this.#arrange());
    table.addEventListener("world", () => this.update());
    table.addEventListener("active", () => this.#mark());
    socket.addEventListener("frame", ({ detail }) => this.#pane(detail.pane)?.show(detail));
    socket.addEventListener("news", ({ detail }) => {
      if (detail.type === "error") this.#failed(detail);
    });
    socket.addEventListener("open", () => this.#all().forEach((pane) => pane.restart()));
  }

  refresh() {
    this.#all().forEach((pane) => pane.again());
  }
  #all() {
    return [...[...this.panes.values()].map(({ pane }) => pane), ...this.extra.values()];
  }
  #pane(index) {
    return this.#all().find((pane) => pane.index === index);
  }

  #failed(detail) {
    const pane = this.#pane(detail.pane);
    if (pane) pane.fail(detail);
    else say(detail.error, "bad");
  }

  #arrange() {
    const { shown } = this.#table;
    const old = this.panes;
    const same = shown.length === old.size && shown.every((run) => old.has(run.id));
    if (!same) {
      this.panes = new Map(shown.map((run, index) => [run.id, this.#build(run, index)]));
      $("panes").replaceChildren(
        ...(shown.length ? [...this.panes.values()].map(({ figure }) => figure) : [emptyRoom()]),
      );
      $("panes").dataset.count = shown.length;
      this.#table.activate(this.#table.active);
    }
    shown.forEach((run) => this.#describe(run));
  }

  #build(run, index) {
    const pane = new Pane(this.#socket, index, { label: `Picture of ${run.name}` });
    pane.canvas.classList.add("waiting");
    const name = el(
      "button",
      { type: "button", class: "pane-name", onclick: () => this.#table.activate(run.id) },
      run.name,
    );
    const facts = el("span", { class: "muted" });
    const note = el("p", { class: "pane-note" });
    const frame = el("div", { class: "frame" }, pane.canvas);
    frame.addEventListener("pointerdown", () => this.#table.activate(run.id));
    const figure = el(
      "figure",
      { class: "pane", data: { run: run.id } },
      frame,
      el("figcaption", {}, name, facts, note),
    );
    return { pane, figure, frame, name, facts, note };
  }

  #describe(run) {
    const { facts } = this.panes.get(run.id);
    facts.textContent = [run.method === run.name ? null : run.method, `${run.size} px`].filter(Boolean).join(" · ");
    facts.title = run.about;
  }

  #mark() {
    for (const [id, { figure, name }] of this.panes) {
      figure.classList.toggle("active", id === this.#table.active);
      name.setAttribute("aria-pressed", String(id === this.#table.active));
    }
  }

  update() {
    if (this.#table.shown.length !== this.panes.size || this.#table.shown.some((run) => !this.panes.has(run.id)))
      this.#arrange();
    for (const run of this.#table.shown) {
      const { pane, note } = this.panes.get(run.id);
      const unknown = this.#table.unknown(run);
      note.textContent = warning(run) || (unknown.length ? `does not know ${unknown.map(spoken).join(", ")}` : "");
      if (!run.gone) pane.ask(this.#table.design(run.id));
    }
  }
}

const warning = (run) => (run.gone ? "This run has vanished from its folder; the last picture stays." : run.stale);

const emptyRoom = () =>
  el(
    "div",
    { class: "empty" },
    el("p", { class: "empty-title" }, "No model yet"),
    el("p", { class: "muted" }, "Choose pictures and a method under “Train”, and watch one learn."),
  );
