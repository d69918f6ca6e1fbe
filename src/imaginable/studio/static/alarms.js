// The page for anomalies: pictures are brought, scored one after the other, and judged by a threshold that can be moved.

import { AlarmView } from "./alarmview.js";
import * as api from "./api.js";
import { attempt, say, typing } from "./dom.js";
import { choose, named } from "./files.js";
import { Judged, Scale } from "./judged.js";

const LIMIT = 20; // MB
const AT_ONCE = 64; // names that the server lets go of in one request
export const MOST = 500;

export class Alarms {
  run = null; // while it is to be seen
  #jobs;
  #of = null; // whose results these are
  #turn = 0; // what comes of an earlier one is not shown any more
  #detector = null;
  #error = "";
  #job = null;
  #waiting = [];
  #busy = "";
  #judged = [];
  #left = [];
  #scale = null;

  constructor(place, jobs, back) {
    this.#jobs = jobs;
    const take = (files) => this.take(files);
    this.view = new AlarmView(place, {
      choose: () => choose(take),
      chooseFolder: () => choose(take, { folder: true }),
      clear: () => this.#clear(),
      stop: () => this.#stop(),
      again: () => this.#work(),
      back,
      judge: () => this.#judge(),
    });
    addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (this.run && files.length && !typing(event)) this.take(files.map(named));
    });
    addEventListener("pagehide", () => this.#letGo());
  }

  open(run) {
    this.run = run;
    this.view.open(run);
    if (this.#of?.id === run.id) return;
    this.#leave();
    [this.#of, this.#error] = [run, ""];
    this.#know(null);
    this.#work();
  }

  /** What was found stays, for a person who comes back. */
  close() {
    if (!this.run) return;
    this.run = null;
    this.view.close();
  }

  /** files: {file, name} of each. */
  take(files) {
    const room = Math.max(0, MOST - this.#judged.length - this.#waiting.length);
    if (files.length > room)
      say(`At most ${MOST} pictures are shown at a time; imaginable anomalies takes any number.`, "bad");
    this.#waiting.push(...files.slice(0, room));
    if (!this.#busy) this.#work();
  }

  // --- the work

  async #work() {
    const turn = this.#turn;
    const is = () => turn === this.#turn;
    this.#error = "";
    await this.#calibrate(is);
    for (let done = 0; is() && this.#detector && this.#waiting.length; done += 1) {
      const { file, name } = this.#waiting.shift();
      const total = done + 1 + this.#waiting.length;
      this.#show(`Scoring ${done + 1} of ${total}: ${name}`);
      this.view.progress(done / total);
      await this.#score(file, name, is);
    }
    if (is()) this.#show("");
  }

  /** Asked anew every time: the model may have become another, or the server. */
  async #calibrate(is) {
    this.#show("Looking for thresholds …");
    this.view.progress(0);
    try {
      const { detector, job } = await api.detector(this.#of.id);
      const found = detector ?? (await this.#found(job, is));
      if (is() && found?.key !== this.#detector?.key) this.#know(found);
    } catch (error) {
      if (!is()) return;
      this.#know(null);
      [this.#error, this.#waiting] = [error.message, []];
    }
  }

  /** What a job finds out. */
  #found(job, is) {
    this.#job = job;
    return new Promise((resolve, reject) => {
      const unfollow = this.#jobs.follow(job, (news) => {
        if (news.state === "running") return is() && this.#calibrating(news);
        queueMicrotask(() => unfollow());
        if (is()) this.#job = null;
        return news.state === "done" ? resolve(news.result) : reject(new Error(news.error ?? "This was cancelled."));
      });
    });
  }

  #calibrating({ fraction, line }) {
    this.#show(`${line ? line[0].toUpperCase() + line.slice(1) : "Getting ready"} …`);
    this.view.progress(fraction);
  }

  async #score(file, name, is) {
    const size = Math.round(file.size / 2 ** 20);
    if (size > LIMIT) return this.#left.push({ name, why: `it has ${size} MB; at most ${LIMIT} are taken` });
    try {
      const found = await api.judge(this.#of.id, file);
      if (!is()) return api.letGo(pictures(found)).catch(() => {});
      return this.#add(new Judged(name, found, this.#detector));
    } catch (error) {
      if (!is()) return undefined;
      if (![400, 408, 413].includes(error.status)) return this.#fail(error); // it is not the file's fault
      return this.#left.push({ name, why: error.message });
    }
  }

  #fail(error) {
    this.#waiting = [];
    say(error.message, "bad");
  }

  #stop() {
    this.#waiting = [];
    if (this.#job) attempt(() => api.cancel(this.#job), { busy: this.view.stop });
  }

  // --- what was found

  /** Of another detector, earlier results say nothing. */
  #know(detector) {
    this.#forget();
    this.#detector = detector;
    this.view.offer(detector);
    if (detector) this.view.describe(this.#chosen);
  }

  get #chosen() {
    return this.#detector.scores.find(({ name }) => name === this.view.score.value);
  }

  get #threshold() {
    return this.#chosen.thresholds.find(({ rate }) => String(rate) === this.view.rate.value);
  }

  #add(one) {
    this.#judged.push(one);
    const of = this.#chosen;
    const scale = this.#scaled(of);
    if (!scale.equals(this.#scale)) return this.#judge();
    const after = this.#judged.filter((other) => other.score(of) < one.score(of));
    const next = after.sort((a, b) => b.score(of) - a.score(of))[0];
    one.judge(of, this.#threshold.value, scale);
    this.view.list.insertBefore(one.node, next?.node ?? null);
    return this.#conclude();
  }

  #scaled(of) {
    return new Scale(of, this.#judged.map((one) => one.score(of)));
  }

  /** All of them, by the score and the rate that are chosen. */
  #judge() {
    const [of, threshold] = [this.#chosen, this.#threshold.value];
    this.#scale = this.#scaled(of);
    this.#judged.forEach((one) => one.judge(of, threshold, this.#scale));
    const sorted = [...this.#judged].sort((a, b) => b.score(of) - a.score(of));
    this.view.list.replaceChildren(...sorted.map(({ node }) => node));
    this.view.describe(of);
    this.#conclude();
  }

  #conclude() {
    const of = this.#chosen;
    const found = this.#judged.filter((one) => one.score(of) > this.#threshold.value).length;
    this.view.conclude(of, this.#detector.said, this.#threshold, found, this.#judged.length);
  }

  #show(busy) {
    this.#busy = busy;
    const [empty, left] = [!this.#judged.length, this.#left];
    this.view.show({ empty, busy, left, error: this.#error, remark: this.#remark });
  }

  get #remark() {
    const strange = this.#judged.filter(({ found }) => found.unlike).length;
    if (!strange) return "";
    const { size, known_sizes: known } = this.#detector;
    const some = strange === 1 ? "1 picture is" : `${strange} pictures are`;
    return (
      `${some} not as large as those it was trained on (${known.join(", ")}): brought to ${size}x${size} all the ` +
      "same, and a threshold set on others need not hold."
    );
  }

  // --- leaving

  #clear() {
    this.#forget();
    this.#show("");
    this.view.drop.focus({ preventScroll: true });
  }

  #leave() {
    this.#turn += 1;
    [this.#waiting, this.#job] = [[], null];
    this.#forget();
  }

  #forget() {
    this.#letGo();
    [this.#judged, this.#left, this.#scale] = [[], [], null];
    this.view.list.replaceChildren();
  }

  #letGo() {
    const all = this.#judged.flatMap(({ found }) => pictures(found));
    for (let at = 0; at < all.length; at += AT_ONCE) api.letGo(all.slice(at, at + AT_ONCE)).catch(() => {});
  }
}

const pictures = ({ picture, heats }) => [picture, ...Object.values(heats)];
