// The page of a model that makes pictures of pictures: bring one, wait, look at before and after, save it.

import * as api from "./api.js";
import { attempt, el, say, typing } from "./dom.js";
import { Examples } from "./examples.js";
import { Mask } from "./mask.js";
import { taskOf } from "./tasks.js";
import { Wipe } from "./wipe.js";
import { WorkView } from "./workview.js";

const LIMIT = 50; // MB

export class Workshop {
  run = null;
  #jobs;
  #turn = 0; // what comes of an earlier picture is not shown any more
  #way = null;
  #given = null; // {picture, width, height, name}
  #made = new Map(); // way -> what was made
  #shelf = []; // all that lies at the server for this picture
  #job = null;
  #wipe = new Wipe();
  #mask = new Mask();
  #examples = new Examples((file) => this.take(file));

  constructor(place, jobs) {
    this.#jobs = jobs;
    this.view = new WorkView(place, this.#examples.node, {
      choose: () => this.#choose(),
      save: () => this.#save(),
      zoom: () => this.#zoom(!this.#wipe.zoomed),
      paint: () => this.#paint(),
      next: () => this.#next(),
      fill: () => this.#make(),
      stop: () => attempt(() => api.cancel(this.#job), { busy: this.view.stop }),
    });
    this.#mask.addEventListener("change", () => {
      this.view.fill.disabled = this.#mask.empty;
    });
    addEventListener("paste", (event) => {
      const file = event.clipboardData?.files[0];
      if (this.run && file && !typing(event)) this.take(file);
    });
    addEventListener("pagehide", () => this.#forget());
  }

  open(run) {
    if (this.run?.id === run.id) return;
    this.#leave();
    [this.run, this.#way] = [run, run.ways[0] ?? null];
    this.view.open(run, (way) => this.#turnTo(way));
    this.#empty();
  }

  close() {
    if (!this.run) return;
    this.#leave();
    this.run = null;
    this.view.close();
  }

  get #inpaints() {
    return this.run.task === "inpaint";
  }

  // --- what is to be seen

  #show(what) {
    this.#examples.hide();
    this.view.show({ way: this.#way, ...what });
  }

  #empty() {
    this.#show({ room: this.view.drop });
    this.#examples.show(this.run, this.#way);
  }

  #paint() {
    const source = this.#made.get(this.#way) ?? this.#given;
    this.#show({ room: this.#mask.node, tools: [...this.#mask.tools, this.view.next, this.view.fill] });
    this.#mask.begin(api.brought(source.picture), this.#given);
    this.#mask.canvas.focus({ preventScroll: true });
  }

  async #present(made) {
    const [turn, way] = [this.#turn, this.#way];
    const before = this.#inpaints ? this.#given.picture : made.before;
    await this.#wipe.show(api.brought(before), api.brought(made.picture), made, taskOf(this.run).names(way));
    if (turn !== this.#turn) return;
    const { zoom, paint, next, save } = this.view;
    const tools = [zoom, ...(this.#inpaints ? [paint] : []), next, save];
    this.#show({ room: this.#wipe.node, tools, remark: made.remark });
    zoom.hidden = !this.#wipe.canZoom;
    this.#zoom(this.#wipe.zoomed && this.#wipe.canZoom);
    this.#wipe.line.focus({ preventScroll: true });
  }

  #zoom(on) {
    this.#wipe.zoom(on);
    this.view.zoom.setAttribute("aria-pressed", String(on));
  }

  // --- a picture

  #choose() {
    const take = () => input.files[0] && this.take(input.files[0]);
    const input = el("input", { type: "file", accept: "image/*", onchange: take });
    input.click();
  }

  async take(file) {
    if (this.#job) return say("A picture is being made; wait for it or cancel it.");
    const size = Math.round(file.size / 2 ** 20);
    if (size > LIMIT) return say(`${file.name} has ${size} MB; at most ${LIMIT} are taken.`, "bad");
    this.#leave();
    const turn = this.#turn;
    this.#show({ room: this.view.drop, busy: `Reading ${file.name} …` });
    const given = await attempt(() => api.bring(this.run.id, file));
    if (given) this.#shelf.push(given.picture);
    if (turn !== this.#turn) return undefined; // it goes from the shelf with what came after it
    if (!given) return this.#empty();
    this.#given = { ...given, name: file.name };
    if (given.fixes.length) say(`Put right: ${given.fixes.join(", ")}.`);
    return this.#inpaints ? this.#paint() : this.#make();
  }

  async #make() {
    const turn = this.#turn;
    const source = (this.#inpaints && this.#made.get(this.#way)) || this.#given;
    const first = this.#inpaints || !this.#made.size; // else what the other way made stays before the eyes
    const mask = this.#inpaints ? await this.#mask.file() : null;
    if (first) this.#wipe.begin(api.brought(source.picture), this.#given);
    this.#show({ room: this.#wipe.node, busy: `${taskOf(this.run).busy} …` });
    const answer = await attempt(() => api.make(source.picture, { to: this.#way, mask }));
    if (turn !== this.#turn) return answer && api.cancel(answer.job).catch(() => {});
    if (!answer) return this.#back();
    this.#job = answer.job;
    this.#show({ tools: [this.view.stop], busy: `${taskOf(this.run).busy} …` });
    const news = await this.#ended(answer.job, turn);
    if (news.result) this.#shelf.push(news.result.picture, news.result.before);
    if (turn !== this.#turn) return undefined;
    this.#job = null;
    if (news.state === "failed") say(news.error, "bad");
    if (news.state !== "done") return this.#back();
    this.#made.set(this.#way, news.result);
    return this.#present(news.result);
  }

  /** The last news of a job. */
  #ended(job, turn) {
    return new Promise((resolve) => {
      const unfollow = this.#jobs.follow(job, (news) => {
        if (turn === this.#turn) this.view.progress(news.fraction);
        if (news.state === "running") return;
        queueMicrotask(() => unfollow());
        resolve(news);
      });
    });
  }

  /** After what failed or was cancelled: to what there was before. */
  #back() {
    if (this.#inpaints) return this.#paint();
    const [way, made] = [...this.#made].at(-1) ?? [];
    if (!made) return this.#next();
    this.#way = way;
    return this.#present(made);
  }

  #turnTo(way) {
    this.#way = way;
    if (!this.#given) return this.#empty();
    const made = this.#made.get(way);
    return made ? this.#present(made) : this.#make();
  }

  #save() {
    const { picture } = this.#made.get(this.#way);
    const name = `${this.#given.name.replace(/\.[^.]*$/, "")}.png`;
    return attempt(async () => api.download(await api.made(picture, name)), { busy: this.view.save });
  }

  #next() {
    this.#leave();
    this.#empty();
    this.view.drop.focus({ preventScroll: true });
  }

  /** Nothing of the picture that was looked at stays, here or at the server. */
  #leave() {
    this.#turn += 1;
    if (this.#job) api.cancel(this.#job).catch(() => {});
    this.#forget();
    [this.#job, this.#given] = [null, null];
    this.#made.clear();
  }

  #forget() {
    if (this.#shelf.length) api.letGo(this.#shelf.splice(0)).catch(() => {});
  }
}
