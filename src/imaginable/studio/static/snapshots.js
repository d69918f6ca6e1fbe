// Designs that are kept: a strip of thumbnails, and morphs between them.

import * as api from "./api.js";
import { ask, attempt, button, dialog, el, menu, say } from "./dom.js";

export class Snapshots {
  #table;
  #place;
  #compare;
  #built = "";

  constructor(table, place, compare) {
    [this.#table, this.#place, this.#compare] = [table, place, compare];
    table.addEventListener("server", () => this.#build());
  }

  #build() {
    const { snapshots } = this.#table.server;
    const signature = JSON.stringify(snapshots.map(({ id, name }) => [id, name]));
    if (signature === this.#built) return;
    this.#built = signature;
    const morph = button("Morph…", () => this.morph(), {
      image: "morph",
      kind: "ghost small",
      disabled: snapshots.length < 2,
      hint: snapshots.length < 2 ? "Keep two designs first" : "A film from one design to another",
    });
    const empty = el("p", { class: "empty-note" }, "Keep a design and it waits here, also after a restart.");
    this.#place.replaceChildren(
      el("header", { class: "group-head" }, el("h2", {}, "Snapshots"), el("div", { class: "group-actions" }, morph)),
      snapshots.length
        ? el(
            "ul",
            { class: "cards" },
            snapshots.map((snapshot) => this.#card(snapshot)),
          )
        : empty,
    );
  }

  #card(snapshot) {
    const { id, name, run } = snapshot;
    const model = this.#table.run(run)?.name ?? run;
    const load = el(
      "button",
      {
        type: "button",
        class: "card-picture",
        title: `${name} (${model})`,
        aria: { label: `Go to ${name}` },
        onclick: () => this.#load(snapshot),
      },
      el("img", { src: api.thumbnail(id), alt: "" }),
    );
    const more = button(
      `More for ${name}`,
      () =>
        menu(more, [
          ["Go to it", () => this.#load(snapshot)],
          ["Compare with it (A/B)", () => this.#compare(snapshot)],
          ["Remove", () => this.#forget(snapshot)],
        ]),
      { image: "more", kind: "ghost square", wordless: true, aria: { haspopup: "menu" } },
    );
    return el(
      "li",
      { class: "card", data: { id } },
      load,
      el("div", { class: "card-foot" }, el("span", { class: "card-name" }, name), more),
    );
  }

  #load(snapshot) {
    if (!this.#table.run(snapshot.run)) return say(`The model of ${snapshot.name} is not here.`, "bad");
    const lost = this.#table.load(snapshot.design);
    return say(
      lost.length
        ? `${snapshot.name}, without ${lost.join(", ")}: no such slider any more.`
        : `Back at ${snapshot.name}.`,
    );
  }

  async keep() {
    const id = this.#table.active;
    if (!id) return;
    const design = this.#table.design(id);
    const name = await ask("Keep this design", this.#free(), "Keep");
    if (!name) return;
    await attempt(async () => {
      const snapshot = await api.keep(name, design);
      const others = this.#table.server.snapshots.filter((one) => one.id !== snapshot.id);
      this.#table.setSnapshots([...others, snapshot]);
      say(`${name} is kept.`);
    });
  }

  #free() {
    const names = new Set(this.#table.server.snapshots.map((one) => one.name));
    let number = names.size + 1;
    while (names.has(`Design ${number}`)) number += 1;
    return `Design ${number}`;
  }

  #forget(snapshot) {
    return attempt(async () => {
      await api.forget(snapshot.id);
      this.#table.setSnapshots(this.#table.server.snapshots.filter((one) => one.id !== snapshot.id));
      say(`${snapshot.name} is removed.`);
    });
  }

  // --- morph

  morph() {
    const run = this.#table.active;
    const own = this.#table.server.snapshots.filter((one) => one.run === run);
    const { body, foot } = dialog("Morph", {
      wide: true,
      about: "Choose two or more, in the order of the film.",
      closed: () => URL.revokeObjectURL(view.src),
    });
    if (own.length < 2) return body.append(el("p", {}, `Keep two designs of ${this.#table.run(run).name} first.`));
    let order = [];
    const show = () => {
      cells.forEach((cell, index) => {
        const at = order.indexOf(index);
        cell.setAttribute("aria-pressed", String(at >= 0));
        cell.dataset.sign = at >= 0 ? at + 1 : "";
      });
      [preview, gif, strip].forEach((one) => {
        one.disabled = order.length < 2;
      });
    };
    const cells = own.map((snapshot, index) =>
      el(
        "button",
        {
          type: "button",
          class: "cell",
          aria: { label: snapshot.name },
          onclick: () => {
            order = order.includes(index) ? order.filter((one) => one !== index) : [...order, index];
            show();
          },
        },
        el("img", { src: api.thumbnail(snapshot.id), alt: "" }),
      ),
    );
    const frames = el("input", { type: "number", class: "field short", min: 2, max: 120, value: 24, id: "frames" });
    const make = (format) =>
      api.morph(run, { designs: order.map((index) => own[index].design), format, frames: Number(frames.value) || 24 });
    const view = el("img", { class: "film", alt: "The morph", hidden: true });
    const preview = button(
      "Preview",
      () =>
        attempt(
          async () => {
            URL.revokeObjectURL(view.src);
            view.src = URL.createObjectURL((await make("gif")).blob);
            view.hidden = false;
          },
          { busy: preview },
        ),
      { kind: "primary" },
    );
    const saver = (text, format) => {
      const one = button(text, () => attempt(async () => api.download(await make(format)), { busy: one }));
      return one;
    };
    const [gif, strip] = [saver("Save GIF", "gif"), saver("Save PNG strip", "png")];
    body.append(el("div", { class: "sheet", role: "group", aria: { label: "Snapshots" } }, cells), view);
    foot.append(
      el("label", { class: "inline", for: "frames" }, "Frames"),
      frames,
      el("span", { class: "grow" }),
      gif,
      strip,
      preview,
    );
    return show();
  }
}
