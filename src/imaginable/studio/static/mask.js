// Painting over a picture what shall be filled. Strokes are kept as strokes, in the picture's own pixels.

import { button, el, say, typing } from "./dom.js";
import { fit } from "./wipe.js";

const WHITE = 128; // grey value from which a mask says: fill
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Events: "change", when something was painted or taken back. */
export class Mask extends EventTarget {
  #strokes = [];
  #drawing = null;
  #erases = false;
  #brush = 1; // across, in pixels of the picture
  #at = null;
  #size = { width: 1, height: 1 };
  #source = "";

  constructor() {
    super();
    this.image = el("img", { alt: "", draggable: false });
    this.canvas = el("canvas", {
      tabIndex: 0,
      role: "application",
      aria: { label: "What is to be filled: paint with the pointer, or with the arrow keys and the space bar" },
    });
    this.context = this.canvas.getContext("2d");
    this.ring = el("span", { class: "brush-ring", hidden: true });
    this.node = el("div", { class: "paint fitted" }, this.image, this.canvas, this.ring);
    this.tools = this.#tools();
    this.#listen();
  }

  get empty() {
    return !this.#strokes.length || this.#strokes.at(-1).clears === true;
  }

  /** A picture to paint over. Of the same one what was painted stays. */
  begin(source, size) {
    if (source === this.#source) return;
    this.image.src = this.#source = source;
    this.#size = size;
    Object.assign(this.canvas, size);
    fit(this.node, size);
    const side = Math.min(size.width, size.height);
    Object.assign(this.range, { min: 2, max: Math.max(3, Math.round(side / 2)) });
    this.#resize(side / 8);
    this.#strokes = [];
    this.#at = null;
    this.#redraw();
  }

  /** White where it is to be filled: a PNG as text. */
  async file() {
    const sheet = new OffscreenCanvas(this.#size.width, this.#size.height);
    const context = sheet.getContext("2d");
    context.drawImage(this.canvas, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#000";
    context.fillRect(0, 0, sheet.width, sheet.height);
    return base64(await sheet.convertToBlob({ type: "image/png" }));
  }

  undo() {
    this.#strokes.pop();
    this.#redraw();
  }

  // --- tools

  #tools() {
    this.modes = [
      button("Brush", () => this.#mode(false), { kind: "segment" }),
      button("Eraser", () => this.#mode(true), { kind: "segment", hint: "E" }),
    ];
    this.range = el("input", {
      type: "range",
      class: "plain",
      id: "brush",
      oninput: () => this.#resize(Number(this.range.value)),
    });
    this.undoButton = button("Undo", () => this.undo(), { image: "undo", hint: "Ctrl+Z" });
    this.clearButton = button("Clear", () => this.#add({ clears: true }), { image: "close" });
    this.#mode(false);
    return [
      el("div", { class: "segments", role: "group", aria: { label: "Tool" } }, this.modes),
      el("div", { class: "brush-size" }, el("label", { for: "brush", title: "[ and ]" }, "Size"), this.range),
      this.undoButton,
      this.clearButton,
      button("Load a mask", () => this.#choose(), { image: "folder", hint: "White is filled, black stays" }),
    ];
  }

  #mode(erases) {
    this.#erases = erases;
    this.modes.forEach((one, index) => one.setAttribute("aria-pressed", String(Boolean(index) === erases)));
  }

  #resize(brush) {
    this.#brush = Math.max(2, Math.min(Number(this.range.max), Math.round(brush)));
    this.range.value = this.#brush;
    this.#showRing();
  }

  #choose() {
    const input = el("input", { type: "file", accept: "image/*", onchange: () => this.load(input.files[0]) });
    input.click();
  }

  async load(file) {
    if (!file) return undefined;
    const picture = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => null);
    if (!picture) return say(`${file.name} is no picture that can be read here.`, "bad");
    const { width, height } = this.#size;
    if (picture.width !== width || picture.height !== height)
      return say(`${file.name} is ${picture.width}x${picture.height}; the picture is ${width}x${height}.`, "bad");
    return this.#add({ stencil: await stencil(picture) });
  }

  // --- painting

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.#drawing = { erases: this.#erases, brush: this.#brush, points: [this.#point(event)] };
      this.#strokes.push(this.#drawing);
      this.#draw(this.#drawing);
    });
    canvas.addEventListener("pointermove", (event) => {
      this.#at = this.#point(event);
      this.#showRing();
      if (!this.#drawing) return;
      const steps = event.getCoalescedEvents?.() ?? [];
      this.#drawing.points.push(...(steps.length ? steps : [event]).map((one) => this.#point(one)));
      this.#draw({ ...this.#drawing, points: this.#drawing.points.slice(-steps.length - 2) });
    });
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, () => {
        this.#drawing = null;
        this.#changed();
      });
    canvas.addEventListener("pointerleave", () => {
      this.ring.hidden = true;
    });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    addEventListener("keydown", (event) => this.#shortcut(event));
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.#size.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  #key(event) {
    const move = MOVES[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    const { width, height } = this.#size;
    const [x, y] = this.#at ?? [width / 2, height / 2];
    const step = event.shiftKey ? 1 : Math.max(1, this.#brush / 2);
    const [right, down] = move ?? [0, 0];
    this.#at = [Math.max(0, Math.min(width, x + step * right)), Math.max(0, Math.min(height, y + step * down))];
    this.#showRing();
    if (!move) this.#add({ erases: this.#erases, brush: this.#brush, points: [this.#at] });
  }

  #shortcut(event) {
    if (!this.node.isConnected || typing(event) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === "z") {
      event.preventDefault();
      this.undo();
    } else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (key === "[") this.#resize(Math.min(this.#brush - 1, this.#brush / 1.2));
    else if (key === "]") this.#resize(Math.max(this.#brush + 1, this.#brush * 1.2));
    else if (key === "e") this.#mode(!this.#erases);
  }

  #add(stroke) {
    this.#strokes.push(stroke);
    this.#draw(stroke);
    this.#changed();
  }

  #redraw() {
    this.context.clearRect(0, 0, this.#size.width, this.#size.height);
    this.#strokes.forEach((stroke) => this.#draw(stroke));
    this.#changed();
  }

  #draw({ clears, stencil: sheet, erases, brush, points }) {
    const { context } = this;
    if (clears) return context.clearRect(0, 0, this.#size.width, this.#size.height);
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    if (sheet) return context.drawImage(sheet, 0, 0);
    Object.assign(context, { lineWidth: brush, lineCap: "round", lineJoin: "round" });
    context.strokeStyle = context.fillStyle = getComputedStyle(this.canvas).color;
    context.beginPath();
    context.arc(...points[0], brush / 2, 0, 2 * Math.PI);
    context.fill(); // a line of one point is none
    context.beginPath();
    points.forEach((point) => context.lineTo(...point));
    return context.stroke();
  }

  #changed() {
    this.undoButton.disabled = !this.#strokes.length;
    this.clearButton.disabled = this.empty;
    this.dispatchEvent(new Event("change"));
  }

  #showRing() {
    const scale = this.canvas.clientWidth / this.#size.width;
    this.ring.hidden = !this.#at;
    if (!this.#at) return;
    const side = this.#brush * scale;
    this.ring.style.width = this.ring.style.height = `${side}px`;
    this.ring.style.left = `${this.#at[0] * scale - side / 2}px`;
    this.ring.style.top = `${this.#at[1] * scale - side / 2}px`;
  }
}

/** The white of a mask in the colour of paint, the rest transparent; what is transparent in it counts as black. */
async function stencil(picture) {
  const sheet = new OffscreenCanvas(picture.width, picture.height);
  const context = sheet.getContext("2d");
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.drawImage(picture, 0, 0);
  const image = context.getImageData(0, 0, sheet.width, sheet.height);
  const { data } = image;
  for (let at = 0; at < data.length; at += 4)
    data[at + 3] = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2] >= WHITE - 0.5 ? 255 : 0;
  context.putImageData(image, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--paint");
  context.fillRect(0, 0, sheet.width, sheet.height);
  return sheet;
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
