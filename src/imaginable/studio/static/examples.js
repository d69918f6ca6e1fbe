// Pictures that a model has not learned from, to try it on: where its data is still there.

import * as api from "./api.js";
import { el } from "./dom.js";

export class Examples {
  #asked = 0;
  #take;

  constructor(take) {
    this.#take = take;
    this.node = el("section", { class: "work-examples", aria: { label: "Examples" } });
  }

  hide() {
    this.#asked += 1;
    this.node.hidden = true;
  }

  async show(run, way) {
    const asked = ++this.#asked;
    this.node.hidden = true;
    const pictures = await api.examples(run.id, way).catch(() => []); // a page is as good without
    if (asked !== this.#asked || !pictures.length) return;
    const cells = pictures.map((source, index) => this.#cell(source, `example-${index + 1}.png`));
    const line = el("p", { class: "muted" }, "Or one of these, which it has not learned from:");
    this.node.replaceChildren(line, el("div", { class: "work-cells" }, cells));
    this.node.hidden = false;
  }

  #cell(source, name) {
    const label = name.replace("-", " ").replace(".png", "");
    const take = () => this.#take(fileOf(source, name));
    const image = el("img", { src: source, alt: "" });
    return el("button", { type: "button", class: "cell", aria: { label }, onclick: take }, image);
  }
}

function fileOf(source, name) {
  const bytes = Uint8Array.from(atob(source.split(",")[1]), (letter) => letter.charCodeAt(0));
  return new File([bytes], name, { type: "image/png" });
}
