// A/B: the present design against a snapshot, by holding B, by a switch, or split down the middle.

import { button, el, say, typing } from "./dom.js";
import { Pane } from "./picture.js";

const PANE = 7;

export class Compare {
  #table;
  #stage;
  #socket;
  #place;
  #snapshot = null;
  #mode = "a"; // what is seen: "a" (present), "b" (snapshot) or "split"
  #pane = null;
  #line = el("span", { class: "split-line" });

  constructor(table, stage, socket, place) {
    [this.#table, this.#stage, this.#socket, this.#place] = [table, stage, socket, place];
    table.addEventListener("world", () => this.#attach());
    table.addEventListener("server", () => this.#checkStill());
    addEventListener("keydown", (event) => this.#hold(event, true));
    addEventListener("keyup", (event) => this.#hold(event, false));
    addEventListener("blur", () => {
      if (this.#pane) this.#clip();
    }); // the key may be let go elsewhere
  }

  with(snapshot) {
    if (!this.#table.run(snapshot.run)) return say(`The model of ${snapshot.name} is not here.`, "bad");
    this.end();
    this.#snapshot = snapshot;
    if (!this.#table.world.shown.includes(snapshot.run))
      this.#table.change((world) => ({ ...world, shown: [snapshot.run] }));
    this.#pane = new Pane(this.#socket, PANE, { label: `Picture of ${snapshot.name}` });
    this.#pane.canvas.classList.add("other");
    this.#stage.extra.set(PANE, this.#pane);
    this.#attach();
    this.#pane.ask(snapshot.design);
    this.#build();
    return say(`Comparing with ${snapshot.name}. Hold B to see it.`);
  }

  end() {
    this.#pane?.canvas.remove();
    this.#line.remove();
    this.#stage.extra.delete(PANE);
    [this.#snapshot, this.#pane, this.#mode] = [null, null, "a"];
    this.#place.hidden = true;
  }

  #build() {
    const modes = [
      ["a", "A · now"],
      ["b", `B · ${this.#snapshot.name}`],
      ["split", "Split"],
    ];
    this.switches = modes.map(([mode, text]) =>
      button(text, () => this.#show(mode), { kind: "segment", data: { mode } }),
    );
    this.edge = el("input", {
      type: "range",
      class: "plain",
      min: 0,
      max: 100,
      value: 50,
      aria: { label: "Where the picture is split" },
      oninput: () => this.#clip(),
    });
    this.#place.replaceChildren(
      el("div", { class: "segments", role: "group", aria: { label: "Compare" } }, this.switches),
      this.edge,
      button("End comparing", () => this.end(), { image: "close", kind: "ghost square", wordless: true }),
    );
    this.#place.hidden = false;
    this.#show("split");
  }

  #show(mode) {
    this.#mode = mode;
    this.switches.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.mode === mode)));
    this.edge.hidden = mode !== "split";
    this.#clip();
  }

  #clip(mode = this.#mode) {
    const { style } = this.#pane.canvas;
    style.visibility = mode === "a" ? "hidden" : "visible";
    this.#line.hidden = mode !== "split";
    this.#line.style.left = `${this.edge.value}%`;
    style.clipPath = mode === "split" ? `inset(0 0 0 ${this.edge.value}%)` : "none";
  }

  #hold(event, down) {
    if (!this.#pane || event.key.toLowerCase() !== "b" || event.ctrlKey || event.metaKey || event.repeat) return;
    if (typing(event) || document.querySelector("dialog[open]")) return;
    this.#clip(down ? "b" : this.#mode);
  }

  /** Panes are rebuilt when other models are shown: the second picture moves along, or goes with its model. */
  #attach() {
    if (!this.#pane) return;
    const home = this.#stage.panes.get(this.#snapshot.run)?.frame;
    if (!home) this.end();
    else if (this.#pane.canvas.parentNode !== home) home.append(this.#pane.canvas, this.#line);
  }

  #checkStill() {
    if (this.#snapshot && !this.#table.server.snapshots.some((one) => one.id === this.#snapshot.id)) this.end();
  }
}
