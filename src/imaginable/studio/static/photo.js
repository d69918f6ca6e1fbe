// Your photo: how well the model can recover it, beside how well it recovers its own pictures, and on to editing it.

import * as api from "./api.js";
import { button, dialog, el, figure, say } from "./dom.js";

const LIMIT = 20_000_000;
const SPACES = [
  ["w+", "A code for each layer", "Comes nearer to the photo (W+)"],
  ["w", "One code for all", "Stays where the model knows its way, and edits better (W)"],
];

export class Photo {
  #table;
  #jobs;
  constructor(table, jobs) {
    [this.#table, this.#jobs] = [table, jobs];
  }

  choose() {
    const input = el("input", {
      type: "file",
      accept: "image/*",
      onchange: () => {
        if (input.files[0]) this.take(input.files[0]);
      },
    });
    input.click();
  }

  take(file) {
    const run = this.#table.run(this.#table.active);
    if (!run) return say("There is no model yet to put a photo into.", "bad");
    if (file.size > LIMIT)
      return say(`${file.name} has ${Math.round(file.size / 1e6)} MB; at most 20 are taken.`, "bad");
    return new Recovery(this.#table, this.#jobs, run, file).start();
  }
}

class Recovery {
  #table;
  #jobs;
  #run;
  #file;
  #unfollow = null;
  #job = null;
  #done = false;

  constructor(table, jobs, run, file) {
    [this.#table, this.#jobs, this.#run, this.#file] = [table, jobs, run, file];
    this.dialog = dialog("Your photo", {
      wide: true,
      about: `Looking for the code of ${run.name} that gives this picture.`,
      closed: () => this.#leave(),
    });
    this.source = URL.createObjectURL(file);
    this.places = ["Original", "Encoded", "Refined"].map((title) => place(title));
    this.places[0].show(this.source);
    this.bar = el("progress", { max: 1, value: 0, aria: { label: "Progress" } });
    this.line = el("p", { class: "verdict", aria: { live: "polite" } });
    this.facts = el("div", { class: "facts" });
    this.edit = button("Edit it", () => this.#edit(), { kind: "primary", disabled: true });
    this.spaces = run.layers ? SPACES.map((one) => this.#space(...one)) : [];
    if (run.layers)
      this.dialog.body.append(
        el("div", { class: "segments", role: "group", aria: { label: "Looked for as" } }, this.spaces),
      );
    this.dialog.body.append(
      el(
        "div",
        { class: "triptych" },
        this.places.map(({ node }) => node),
      ),
      this.bar,
      this.line,
      this.facts,
    );
    this.dialog.foot.append(this.edit);
  }

  #space(space, title, hint) {
    return button(title, () => this.start(space), { kind: "segment", hint, data: { space } });
  }

  async start(space = this.#run.layers ? SPACES[0][0] : null) {
    this.#done = false;
    [this.bar.value, this.bar.hidden] = [0, false];
    this.edit.disabled = true;
    this.line.classList.remove("bad");
    this.line.textContent = "Sending the photo …";
    for (const one of this.spaces) {
      one.disabled = true; // until this one is found: an encoder's training would be lost
      one.setAttribute("aria-pressed", String(one.dataset.space === space));
    }
    try {
      const { job } = await api.photo(this.#run.id, this.#file, space);
      this.#job = job;
      this.#unfollow = this.#jobs.follow(job, (news) => this.#news(news));
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #news(news) {
    if (news.state === "failed") return this.#fail(news.error);
    if (news.state === "cancelled") return this.#fail("This was stopped.");
    this.bar.value = news.fraction ?? 0;
    this.line.textContent = news.line ?? "";
    return news.state === "done" && this.#finish(news.result);
  }

  #end(text) {
    this.#done = true;
    this.#unfollow?.();
    this.bar.hidden = true;
    this.line.textContent = text;
    for (const one of this.spaces) one.disabled = false;
  }

  #finish(result) {
    this.#end(result.verdict);
    this.result = result;
    [result.original, result.encoded, result.refined].forEach((source, index) => this.places[index].show(source));
    const facts = [
      ["Encoded", result.error_before],
      ["Refined", result.error],
      ["Its own pictures", result.yardstick],
    ];
    const most = Math.max(...facts.map(([, value]) => value)) || 1;
    this.facts.replaceChildren(
      el("h3", {}, "Error, smaller is better"),
      ...facts.map(([name, value]) => measure(name, value, value / most)),
    );
    this.edit.disabled = false;
    this.edit.focus();
  }

  #fail(text) {
    this.#end(text);
    this.line.classList.add("bad");
  }

  #edit() {
    this.#table.begin(this.#run.id, { code: this.result.code }, { label: this.result.label ?? null });
    this.dialog.close();
    say("Your photo is on the table: move the sliders.");
  }

  #leave() {
    URL.revokeObjectURL(this.source);
    this.#unfollow?.();
    if (this.#job && !this.#done) api.cancel(this.#job).catch(() => {}); // nobody waits for it any more
  }
}

function place(title) {
  const image = el("img", { alt: title, hidden: true });
  const node = el(
    "figure",
    { class: "cell still" },
    el("div", { class: "still-frame" }, image),
    el("figcaption", {}, title),
  );
  return {
    node,
    show: (source) => {
      image.src = source;
      image.hidden = false;
    },
  };
}

function measure(name, value, share) {
  const bar = el("span", { class: "fact-bar" }, el("span", {}));
  bar.firstChild.style.width = `${Math.round(100 * share)}%`;
  return el(
    "div",
    { class: "fact" },
    el("span", {}, name),
    bar,
    el("span", { class: "value" }, value < 0.001 ? value.toPrecision(2) : figure(value, 4)),
  );
}
