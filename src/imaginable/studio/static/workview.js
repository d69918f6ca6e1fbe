// What is to be seen on the page of a model that makes pictures of pictures, and the buttons on it.

import { button, el, icon } from "./dom.js";
import { spokenOf, taskOf, wayOf } from "./tasks.js";

export class WorkView {
  #place;
  #title = el("h2", {});
  #about = el("p", { class: "muted" });
  #ways = el("div", { class: "segments", role: "group" });
  #room = el("div", { class: "work-room" });
  #bar = el("progress", { max: 1, aria: { label: "Progress" } });
  #line = el("p", { class: "work-line", role: "status" });
  #progress = el("div", { class: "work-progress", hidden: true }, this.#bar, this.#line);
  #remark = el("p", { class: "work-remark", hidden: true });
  #tools = el("div", { class: "tools", role: "toolbar", aria: { label: "With this picture" } });

  /** does: {choose, save, zoom, paint, next, fill, stop}, what the buttons do. */
  constructor(place, examples, does) {
    this.#place = place;
    this.drop = el(
      "button",
      { type: "button", class: "drop", onclick: does.choose },
      icon("photo"),
      el("span", { class: "empty-title" }, "Drop a picture here"),
      el("span", { class: "muted" }, "or choose a file, or paste one (Ctrl+V). It stays on this machine."),
    );
    const hint = "A pixel of the picture on a pixel of the screen; drag to move";
    this.zoom = button("1:1", does.zoom, { kind: "zoom", hint });
    this.save = button("Save the result", does.save, { image: "save", kind: "primary" });
    this.paint = button("Paint another hole", does.paint, { image: "brush" });
    this.next = button("Next picture", does.next, { image: "photo" });
    this.fill = button("Fill", does.fill, { kind: "primary" });
    this.stop = button("Cancel", does.stop, { kind: "danger" });
    const head = el("div", { class: "grow" }, this.#title, this.#about);
    place.append(
      el("header", { class: "work-head" }, head, this.#ways),
      this.#room,
      this.#progress,
      this.#remark,
      this.#tools,
      examples,
    );
  }

  open(run, choose) {
    this.#place.hidden = false;
    this.#title.textContent = run.name;
    this.#about.textContent = spokenOf(run);
    this.#about.title = run.about;
    this.#ways.hidden = !run.ways.length;
    this.#ways.setAttribute("aria-label", taskOf(run).choice);
    const switches = run.ways.map((way) => {
      const { name, hint } = wayOf(way);
      return button(name, () => choose(way), { kind: "segment", hint, data: { way } });
    });
    this.#ways.replaceChildren(...switches);
  }

  close() {
    this.#place.hidden = true;
  }

  /** room: what takes the most of the page. busy: what is being done; nothing else can be begun meanwhile. */
  show({ room, tools = [], busy = "", remark = "", way }) {
    if (room && this.#room.firstChild !== room) this.#room.replaceChildren(room); // else it would lose its scrolling
    this.#tools.replaceChildren(...tools);
    this.#bar.removeAttribute("value");
    this.#progress.hidden = !busy;
    this.#line.textContent = busy;
    this.#remark.textContent = remark;
    this.#remark.hidden = !remark;
    for (const one of this.#ways.children) {
      one.disabled = Boolean(busy);
      one.setAttribute("aria-pressed", String(one.dataset.way === way));
    }
  }

  progress(share) {
    if (share > 0) this.#bar.value = share;
  }
}
