// What is to be seen on the page for anomalies, and the controls on it.

import { button, el, figure, icon } from "./dom.js";
import { percent, short } from "./judged.js";
import { spokenOf } from "./tasks.js";

const USUAL = 0.05; // of good pictures, that may be called anomalous

export class AlarmView {
  #place;
  #title = el("h2", {});
  #about = el("p", { class: "muted" });
  #said = el("p", { class: "muted" });
  #bar = el("progress", { max: 1, aria: { label: "Progress" } });
  #line = el("p", { class: "work-line" });
  #remark = el("p", { class: "work-remark", hidden: true });
  #left = el("ul", {});
  #conclusion = el("p", { class: "alarm-conclusion", role: "status" });
  #rule = el("p", { class: "muted" });

  /** does: {choose, chooseFolder, clear, stop, again, back, judge}, what the controls do. */
  constructor(place, does) {
    this.#place = place;
    this.back = button("Back", does.back, { kind: "small" });
    this.drop = el(
      "button",
      { type: "button", class: "drop", onclick: does.choose },
      icon("photo"),
      el("span", { class: "empty-title" }, "Drop pictures or a folder here"),
      el("span", { class: "muted" }, "or choose files, or paste one (Ctrl+V). They stay on this machine."),
    );
    this.score = el("select", { class: "field", id: "alarm-score", onchange: does.judge });
    this.rate = el("select", { class: "field", id: "alarm-rate", onchange: does.judge });
    this.settings = el(
      "section",
      { class: "alarm-settings", aria: { label: "How to judge" } },
      el("div", { class: "alarm-controls" }, control("Score", this.score), control("False alarms", this.rate)),
      this.#said,
    );
    this.more = button("Add pictures", does.choose, { image: "photo", kind: "primary" });
    this.folder = button("Choose a folder", does.chooseFolder, { image: "folder" });
    this.clear = button("Clear", does.clear);
    this.again = button("Try again", does.again);
    this.stop = button("Cancel", does.stop, { kind: "danger" });
    this.progressing = el("div", { class: "work-progress", hidden: true }, this.#bar, this.#line);
    this.tools = el("div", { class: "tools", role: "toolbar", aria: { label: "What to judge" } });
    this.list = el("ol", { class: "alarm-list" });
    this.results = el(
      "section",
      { aria: { label: "Results" }, class: "alarm-results" },
      this.#conclusion,
      this.#rule,
      legend(),
      this.list,
    );
    this.leftOut = el("section", { class: "alarm-left", hidden: true }, el("h3", {}, "Left out"), this.#left);
    const head = el("header", { class: "work-head" }, el("div", { class: "grow" }, this.#title, this.#about), this.back);
    const parts = [this.settings, this.drop, this.#remark, this.tools, this.progressing, this.leftOut, this.results];
    place.append(head, ...parts);
  }

  open(run) {
    this.#place.hidden = false;
    this.#title.textContent = `Anomalies by ${run.name}`;
    this.#about.textContent = `${spokenOf(run, "score")} What it learned from counts as good.`;
    this.#about.title = run.about;
    this.back.hidden = run.task === "score";
    this.back.lastChild.textContent = run.task ? "Back to painting" : "Back to the sliders";
  }

  close() {
    this.#place.hidden = true;
  }

  /** What scores there are to choose from; nothing where that is not known yet. */
  offer(detector) {
    this.settings.hidden = !detector;
    if (!detector) return;
    const scores = detector.scores.map(({ name, told }) => option(name, `${name} (${figure(told)})`));
    this.score.replaceChildren(...scores);
    this.score.value = detector.default;
    const rates = detector.scores[0].thresholds.map(({ rate }) => rate);
    this.rate.replaceChildren(...rates.map((rate) => option(String(rate), percent(rate))));
    this.rate.value = String(rates.includes(USUAL) ? USUAL : rates[0]);
  }

  describe(of) {
    const where = of.where === of.name ? "" : ` The heat maps are those of ${of.where}.`;
    const few = of.thresholds.some(({ rate }) => rate === USUAL)
      ? ""
      : ` Only ${of.calibrated} good pictures set the threshold: fewer false alarms cannot be promised.`;
    const told = `AUROC ${figure(of.told)} ± ${figure(of.error)} on defects made from ${of.defects} good pictures`;
    this.#said.textContent = `${of.said[0].toUpperCase()}${of.said.slice(1)}. ${told}.${where}${few}`;
  }

  conclude(of, said, { rate, value }, found, count) {
    const [are, would] = [found === 1 ? "is" : "are", Number((rate * count).toPrecision(2))];
    this.#conclusion.textContent = `${found} of ${count} ${count === 1 ? "picture" : "pictures"} ${are} anomalous.`;
    this.#rule.textContent =
      `Anomalous: ${of.name} above ${short(value)}, which at most ${percent(rate)} of good pictures exceed ` +
      `(set on ${of.calibrated} ${said}). If all were good, about ${would} would be called so.`;
  }

  /** busy: what is being done. error: why nothing can be judged. remark: what else is to be known. left: files, why. */
  show({ empty, busy, error, remark, left }) {
    this.drop.hidden = !empty || Boolean(error);
    this.results.hidden = empty;
    this.results.setAttribute("aria-busy", String(Boolean(busy))); // what is found is spoken once, in the end
    this.progressing.hidden = !busy;
    this.#line.textContent = busy;
    this.#remark.hidden = !(error || remark);
    this.#remark.textContent = error || remark;
    this.leftOut.hidden = !left.length;
    this.#left.replaceChildren(...left.map(({ name, why }) => el("li", {}, el("b", {}, name), `: ${why}`)));
    this.#arm(busy ? [this.stop] : error ? [this.again] : empty ? [this.folder] : [this.more, this.folder, this.clear]);
  }

  /** Only where they are others: a button that is replaced under a finger is never clicked. */
  #arm(tools) {
    if (tools.length === this.tools.children.length && tools.every((one, at) => this.tools.children[at] === one)) return;
    this.tools.replaceChildren(...tools);
  }

  progress(share) {
    if (share > 0) this.#bar.value = share;
    else this.#bar.removeAttribute("value");
  }
}

const option = (value, text) => el("option", { value }, text);
const control = (text, node) => el("div", { class: "inline" }, el("label", { for: node.id }, text), node);
const legend = () => {
  const parts = [
    ["score", "its score"],
    ["threshold", "threshold"],
    ["good", "where those good pictures lie"],
  ];
  const key = ([part, text]) => el("span", {}, el("span", { class: `key-${part}`, aria: { hidden: "true" } }), text);
  return el("p", { class: "alarm-legend muted" }, parts.map(key));
};
