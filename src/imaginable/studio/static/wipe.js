// Before and after in one frame, with a line between them that is moved by hand or by keys.

import { el } from "./dom.js";

const STEPS = { ArrowLeft: -2, ArrowRight: 2, ArrowDown: -2, ArrowUp: 2, PageDown: -10, PageUp: 10 };
const EDGE = 14; // percent: nearer to the side than this, the name of what is hardly seen goes

/** Gives an element the picture's proportions; the style sheet makes it as large as there is room for. */
export function fit(node, { width, height }) {
  node.style.setProperty("--w", width);
  node.style.setProperty("--h", height);
}

export class Wipe {
  #at = 50;
  #zoomed = false;
  #size = { width: 1, height: 1 };

  constructor() {
    this.before = el("img", { alt: "Before", draggable: false });
    this.after = el("img", { alt: "After", draggable: false, hidden: true });
    this.sheet = el("div", { class: "wipe-sheet" }, this.before, this.after);
    this.view = el("div", { class: "wipe-view" }, this.sheet);
    this.names = [el("span", { class: "wipe-name" }), el("span", { class: "wipe-name right" })];
    const aria = { label: "Before and after", valuemin: 0, valuemax: 100 };
    this.line = el(
      "div",
      { class: "wipe-line", role: "slider", tabIndex: 0, aria },
      el("span", { class: "wipe-knob" }),
    );
    this.node = el("div", { class: "wipe fitted" }, this.view, this.names, this.line);
    this.line.addEventListener("keydown", (event) => this.#key(event));
    this.node.addEventListener("pointerdown", (event) => this.#down(event));
    this.view.addEventListener("scroll", () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.node);
  }

  /** Shows a picture alone, while the other is made. */
  begin(before, size) {
    [this.before.src, this.#size] = [before, size];
    this.after.hidden = this.line.hidden = true;
    this.names.forEach((name) => {
      name.hidden = true;
    });
    fit(this.node, size);
    this.zoom(false);
  }

  /** Both, once they are there. names: [before, after] */
  async show(before, after, size, names) {
    await Promise.all([loaded(before), loaded(after)]);
    [this.before.src, this.after.src, this.#size] = [before, after, size];
    this.after.hidden = this.line.hidden = false;
    names.forEach((name, index) => {
      this.names[index].textContent = name;
    });
    fit(this.node, size);
    this.zoom(this.#zoomed && this.canZoom);
  }

  /** Whether the frame shows less than all of the picture's pixels. */
  get canZoom() {
    return this.#size.width > 1.05 * devicePixelRatio * this.node.clientWidth;
  }
  get zoomed() {
    return this.#zoomed;
  }

  /** A pixel of the picture on a pixel of the screen, and the rest by dragging; or all of it. */
  zoom(on) {
    const before = this.#zoomed;
    this.#zoomed = on;
    this.node.classList.toggle("zoomed", on);
    this.view.tabIndex = on ? 0 : -1; // then it scrolls by arrow keys
    this.sheet.style.width = on ? `${this.#size.width / devicePixelRatio}px` : "";
    if (on && !before) {
      this.view.scrollLeft = (this.view.scrollWidth - this.view.clientWidth) / 2;
      this.view.scrollTop = (this.view.scrollHeight - this.view.clientHeight) / 2;
    }
    this.#draw();
  }

  #move(at) {
    this.#at = Math.max(0, Math.min(100, at));
    this.#draw();
  }

  #draw() {
    const at = this.#at;
    const { scrollLeft, clientWidth } = this.view;
    const cut = clientWidth ? (100 * (scrollLeft + (at / 100) * clientWidth)) / (this.sheet.clientWidth || 1) : at;
    this.line.style.left = `${at}%`;
    this.line.setAttribute("aria-valuenow", String(Math.round(at)));
    this.line.setAttribute("aria-valuetext", `${Math.round(at)} % before, ${100 - Math.round(at)} % after`);
    if (this.after.hidden) return this.before.style.removeProperty("clip-path");
    this.before.style.clipPath = `inset(0 ${100 - cut}% 0 0)`;
    this.after.style.clipPath = `inset(0 0 0 ${cut}%)`;
    [this.names[0].hidden, this.names[1].hidden] = [at < EDGE, at > 100 - EDGE];
    return undefined;
  }

  #key(event) {
    const step = STEPS[event.key];
    const end = { Home: 0, End: 100 }[event.key];
    if (step === undefined && end === undefined) return;
    event.preventDefault();
    this.#move(end ?? this.#at + step * (event.shiftKey ? 5 : 1));
  }

  #down(event) {
    if (event.button || this.after.hidden) return;
    event.preventDefault(); // no picture is dragged away
    const wipes = !this.#zoomed || this.line.contains(event.target);
    if (wipes) this.line.focus({ preventScroll: true });
    const { left, width } = this.node.getBoundingClientRect();
    const start = { x: event.clientX + this.view.scrollLeft, y: event.clientY + this.view.scrollTop };
    const follow = (moved) => {
      if (wipes) this.#move((100 * (moved.clientX - left)) / width);
      else this.view.scrollTo(start.x - moved.clientX, start.y - moved.clientY);
    };
    follow(event);
    this.node.setPointerCapture(event.pointerId);
    this.node.addEventListener("pointermove", follow);
    const end = () => this.node.removeEventListener("pointermove", follow);
    this.node.addEventListener("pointerup", end, { once: true });
    this.node.addEventListener("pointercancel", end, { once: true });
  }
}

/** So that no half picture is seen; one that cannot be shown is left to the page to leave blank. */
async function loaded(source) {
  const image = new Image();
  image.src = source;
  await image.decode().catch(() => {});
}
