// The page of a model that makes pictures of pictures: bring one, wait, look at before and after, save it.

import * as api from "./api.js";
import { attempt, button, el, icon, say, typing } from "./dom.js";
import { Examples } from "./examples.js";
import { Mask } from "./mask.js";
import { spokenOf, taskOf, WAYS } from "./tasks.js";
import { Wipe } from "./wipe.js";

const LIMIT = 50 << 20;
const KEPT = "imaginable-work";
export class Workshop {
  run = null;
  #place;
  #jobs;
  #turn = 0; // what comes of an earlier picture is not shown any more
  #way = null;
  #given = null; // {picture, width, height, name}
  #made = new Map(); // way -> what was made
  #shelf = []; // all that lies at the server for this picture
  #job = null;

  constructor(place, jobs) {
    [this.#place, this.#jobs] = [place, jobs];
    this.wipe = new Wipe();
    this.mask = new Mask();
    this.mask.addEventListener("change", () => {
      this.fill.disabled = this.mask.empty;
    });
    this.title = el("h2", {});
    this.about = el("p", { class: "muted" });
    this.ways = el("div", { class: "segments", role: "group" });
    this.room = el("div", { class: "work-room" });
    this.bar = el("progress", { max: 1, aria: { label: "Progress" } });
    this.line = el("p", { class: "work-line", role: "status" });
    this.progress = el("div", { class: "work-progress", hidden: true }, this.bar, this.line);
    this.remark = el("p", { class: "work-remark", hidden: true });
    this.tools = el("div", { class: "tools", role: "toolbar", aria: { label: "With this picture" } });
    this.examples = new Examples((file) => this.take(file));
    this.#buttons();
    place.append(
      el("header", { class: "work-head" }, el("div", { class: "grow" }, this.title, this.about), this.ways),
      this.room,
      this.progress,
      this.remark,
      this.tools,
      this.examples.node,
    );
    addEventListener("paste", (event) => {
      const file = event.clipboardData?.files[0];
      if (this.run && file && !typing(event)) this.take(file);
    });
    addEventListener("pagehide", () => this.#forget());
  }

  static get kept() {
    return sessionStorage.getItem(KEPT);
  }

  open(run) {
    if (this.run?.id === run.id) return;
    this.#leave();
    this.run = run;
    this.#way = run.ways[0] ?? null;
    this.#remember(run.id);
    this.#place.hidden = false;
    this.title.textContent = run.name;
    this.about.textContent = spokenOf(run);
    this.about.title = run.about;
    this.ways.hidden = !run.ways.length;
    this.ways.setAttribute("aria-label", taskOf(run).choice);
    this.ways.replaceChildren(
      ...run.ways.map((way) =>
        button(WAYS[way].name, () => this.#choose(way), { kind: "segment", hint: WAYS[way].hint, data: { way } }),
      ),
    );
    this.#empty();
  }

  close() {
    if (!this.run) return;
    this.#leave();
    this.run = null;
    this.#remember("");
    this.#place.hidden = true;
  }

  #remember(id) {
    try {
      sessionStorage.setItem(KEPT, id);
    } catch {
      /* a forbidden storage costs the place after a reload, nothing else */
    }
  }

  // --- what is to be seen

  #buttons() {
    this.drop = el(
      "button",
      { type: "button", class: "drop", onclick: () => this.choose() },
      icon("photo"),
      el("span", { class: "empty-title" }, "Drop a picture here"),
      el("span", { class: "muted" }, "or choose a file, or paste one (Ctrl+V). It stays on this machine."),
    );
    this.save = button("Save the result", () => this.#save(), { image: "save", kind: "primary" });
    const hint = "A pixel of the picture on a pixel of the screen; drag to move";
    this.zoom = button("1:1", () => this.#zoom(), { kind: "zoom", hint });
    this.more = button("Paint another hole", () => this.#paint(), { image: "brush" });
    this.next = button("Next picture", () => this.#nextOne(), { image: "photo" });
    this.fill = button("Fill", () => this.#make(), { kind: "primary" });
    this.stop = button("Cancel", () => attempt(() => api.cancel(this.#job), { busy: this.stop }), { kind: "danger" });
  }

  #show({ room, tools = [], busy = "", remark = "" }) {
    this.examples.hide();
    this.room.replaceChildren(room);
    this.tools.replaceChildren(...tools);
    this.progress.hidden = !busy;
    this.line.textContent = busy;
    this.remark.textContent = remark;
    this.remark.hidden = !remark;
    const locked = Boolean(busy);
    [...this.ways.children].forEach((one) => {
      one.disabled = locked;
      one.setAttribute("aria-pressed", String(one.dataset.way === this.#way));
    });
  }

  #empty() {
    this.#show({ room: this.drop });
    this.examples.show(this.run, this.#way);
  }

  #busy(line) {
    this.bar.removeAttribute("value");
    this.#show({ room: this.wipe.node, busy: line, tools: this.#job ? [this.stop] : [] });
  }

  #paint() {
    const source = this.#made.get(this.#way) ?? this.#given;
    this.#show({ room: this.mask.node, tools: [...this.mask.tools, this.next, this.fill] });
    if (this.mask.of !== source) this.mask.begin(api.brought(source.picture), this.#given);
    this.mask.of = source;
    this.mask.canvas.focus({ preventScroll: true });
  }

  async #present(made, turn) {
    const before = this.run.task === "inpaint" ? this.#given.picture : made.before;
    await this.wipe.show(api.brought(before), api.brought(made.picture), made, taskOf(this.run).names(this.#way));
    if (turn !== this.#turn) return;
    const again = this.run.task === "inpaint" ? [this.more] : [];
    const tools = [this.zoom, ...again, this.next, this.save];
    this.#show({ room: this.wipe.node, tools, remark: made.remark });
    this.zoom.hidden = !this.wipe.canZoom;
    this.#zoomed();
    this.wipe.line.focus({ preventScroll: true });
  }

  // --- a picture

  choose() {
    const take = () => input.files[0] && this.take(input.files[0]);
    const input = el("input", { type: "file", accept: "image/*", onchange: take });
    input.click();
  }

  async take(file) {
    if (this.#job) return say("A picture is being made; wait for it or cancel it.");
    if (file.size > LIMIT)
      return say(`${file.name} has ${Math.round(file.size / 2 ** 20)} MB; at most 50 are taken.`, "bad");
    this.#leave();
    const turn = this.#turn;
    this.bar.removeAttribute("value");
    this.#show({ room: this.drop, busy: `Reading ${file.name} …` });
    const given = await attempt(() => api.bring(this.run.id, file));
    if (turn !== this.#turn) return undefined;
    if (!given) return this.#empty();
    this.#given = { ...given, name: file.name };
    this.#shelf.push(given.picture);
    if (given.fixes.length) say(`Put right: ${given.fixes.join(", ")}.`);
    return this.run.task === "inpaint" ? this.#paint() : this.#make();
  }

  async #make() {
    const turn = this.#turn;
    const inpaints = this.run.task === "inpaint";
    const source = (inpaints && this.#made.get(this.#way)) || this.#given;
    const mask = inpaints ? await this.mask.file() : null;
    this.wipe.begin(api.brought(source.picture), this.#given);
    this.#busy(`${taskOf(this.run).busy} …`);
    const answer = await attempt(() => api.make(source.picture, { to: this.#way, mask }));
    if (turn !== this.#turn) return answer && api.cancel(answer.job).catch(() => {});
    if (!answer) return this.#back();
    this.#job = answer.job;
    this.tools.replaceChildren(this.stop);
    const unfollow = this.#jobs.follow(answer.job, (news) => {
      if (turn !== this.#turn) return unfollow?.();
      if (news.fraction > 0) this.bar.value = news.fraction;
      if (news.state === "running") return undefined;
      this.#job = null;
      if (news.state === "failed") say(news.error, "bad");
      if (news.state !== "done") return this.#back();
      this.#made.set(this.#way, news.result);
      this.#shelf.push(news.result.picture, news.result.before);
      return this.#present(news.result, turn);
    });
    return undefined;
  }

  /** After what failed or was cancelled: to what there was before. */
  #back() {
    if (this.run.task === "inpaint") return this.#paint();
    const [way, made] = [...this.#made].at(-1) ?? [];
    if (!made) return this.#nextOne();
    this.#way = way;
    return this.#present(made, this.#turn);
  }

  #choose(way) {
    this.#way = way;
    if (!this.#given) return this.#empty();
    const made = this.#made.get(way);
    return made ? this.#present(made, this.#turn) : this.#make();
  }

  #save() {
    const { picture } = this.#made.get(this.#way);
    const name = `${this.#given.name.replace(/\.[^.]*$/, "")}.png`;
    return attempt(async () => api.download(await api.made(picture, name)), { busy: this.save });
  }

  #zoom() {
    this.wipe.zoom(!this.wipe.zoomed);
    this.#zoomed();
  }

  #zoomed() {
    this.zoom.setAttribute("aria-pressed", String(this.wipe.zoomed));
  }

  #nextOne() {
    this.#leave();
    this.#empty();
    this.drop.focus({ preventScroll: true });
  }

  /** Nothing of the picture that was looked at stays, here or at the server. */
  #leave() {
    this.#turn += 1;
    if (this.#job) api.cancel(this.#job).catch(() => {});
    this.#forget();
    [this.#job, this.#given, this.mask.of] = [null, null, null];
    this.#made.clear();
  }

  #forget() {
    if (this.#shelf.length) api.letGo(this.#shelf.splice(0)).catch(() => {});
  }
}
