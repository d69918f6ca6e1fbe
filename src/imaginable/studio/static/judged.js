// One picture that was judged: itself, where it is unlike, and how far its score is above the threshold.

import * as api from "./api.js";
import { dialog, el, figure } from "./dom.js";

/** As many digits as tell scores apart, whatever their scale. */
export const short = (value, digits = 3) => {
  const size = Math.abs(value);
  const text = size >= 1e6 || (size && size < 0.001) ? value.toPrecision(digits) : Number(value.toPrecision(digits));
  return String(text).replaceAll("-", "−");
};
export const percent = (rate) => `${Number((100 * rate).toPrecision(2))} %`;
export const verdictOf = (score, threshold) => (score > threshold ? "anomalous" : "good");

/** Where a number lies on all strips of a list, in percent. */
export class Scale {
  /** From the least of the good pictures on; what is very far above it runs out at the end. */
  constructor({ least, most }, scores) {
    const reach = most - least || Math.abs(most) || 1;
    this.low = least;
    this.high = Math.min(Math.max(most, ...scores), least + 6 * reach) + 0.02 * reach;
  }

  equals(other) {
    return this.low === other?.low && this.high === other?.high;
  }

  at(value) {
    return Math.max(0, Math.min(100, (100 * (value - this.low)) / (this.high - this.low)));
  }

  beyond(value) {
    return value > this.high;
  }
}

export class Judged {
  #picture;
  #heat;
  #verdict = el("span", { class: "alarm-verdict" });
  #numbers = el("p", { class: "alarm-numbers" });
  #strip = el(
    "div",
    { class: "alarm-strip", role: "img" },
    ...["good", "score", "threshold"].map((part) => el("span", { class: `strip-${part}` })),
  );

  /** found: what the server says of it. detector: what all scores mean. */
  constructor(name, found, detector) {
    Object.assign(this, { name, found, detector });
    this.#picture = el("img", { src: api.brought(found.picture), alt: "", loading: "lazy" });
    this.#heat = el("img", { alt: "", loading: "lazy" });
    const see = { label: `See ${name} large` };
    const images = [this.#picture, this.#heat];
    this.node = el(
      "li",
      { class: "alarm" },
      el("button", { type: "button", class: "alarm-pictures", aria: see, onclick: () => this.#enlarge() }, images),
      el(
        "div",
        { class: "alarm-facts" },
        el("p", { class: "alarm-head" }, el("span", { class: "alarm-name", title: name }, name), this.#verdict),
        this.#strip,
        this.#numbers,
      ),
    );
  }

  score(of) {
    return this.found.scores[of.name].score;
  }

  /** of: the score that is asked. */
  judge(of, threshold, scale) {
    const { score, p } = this.found.scores[of.name];
    const verdict = verdictOf(score, threshold);
    this.node.dataset.verdict = verdict;
    this.#verdict.textContent = verdict;
    this.#showHeat(this.#heat, of);
    this.#numbers.textContent = `score ${short(score)} · threshold ${short(threshold)} · p = ${short(p, 2)}`;
    this.#numbers.title = "p: the chance that a good picture scores as high";
    this.#strip.setAttribute("aria-label", `score ${short(score)}, threshold ${short(threshold)}`);
    this.#strip.classList.toggle("beyond", scale.beyond(score));
    for (const [part, value] of Object.entries({ most: of.most, score, threshold }))
      this.#strip.style.setProperty(`--${part}`, `${scale.at(value)}%`);
  }

  /** Only where it is another: a picture that is set again would flicker. */
  #showHeat(image, of) {
    const heat = this.found.heats[of.where];
    image.hidden = !heat;
    if (heat && !image.src.endsWith(api.brought(heat))) image.src = api.brought(heat);
  }

  #enlarge() {
    const { body } = dialog(this.name, { wide: true });
    const large = [this.#picture, this.#heat].filter((one) => !one.hidden);
    const names = ["Picture", "Where it is unlike"];
    body.append(
      el(
        "div",
        { class: "alarm-large" },
        large.map(({ src }, index) =>
          el("figure", {}, el("img", { src, alt: names[index] }), el("figcaption", {}, names[index])),
        ),
      ),
      el("table", { class: "alarm-scores" }, HEAD(), el("tbody", {}, this.detector.scores.map((of) => this.#line(of)))),
    );
  }

  #line(of) {
    const { score, p } = this.found.scores[of.name];
    const told = `${figure(of.told)} ± ${figure(of.error)}`;
    const cells = [short(score), short(p, 2), told].map((text) => el("td", {}, text));
    return el("tr", { title: of.said }, el("th", { scope: "row" }, of.name), cells);
  }
}

const HEAD = () => {
  const names = ["Score", "Value", "p", "AUROC on made defects"];
  return el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name))));
};
