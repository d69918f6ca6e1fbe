// Train here: the same job as on the command line, watched live.

import * as api from "./api.js";
import { $, attempt, button, dialog, el, say } from "./dom.js";

const ROLL_CALL_MS = 4_000;

/** The server's jobs as the socket tells of them; the newest news of each is kept. */
export class Jobs {
  #news = new Map();
  #followers = new Map();

  constructor(socket) {
    socket.addEventListener("news", ({ detail }) => {
      if (detail.type === "job") this.#tell(detail);
    });
    socket.addEventListener("open", () => this.#callRoll());
  }

  /** A server tells of its jobs at once; one that was begun anew does not know those of before. */
  #callRoll() {
    const before = [...this.#news.values()].filter((news) => news.state === "running");
    setTimeout(
      () =>
        before
          .filter((news) => this.#news.get(news.job) === news)
          .forEach((news) => this.#tell({ ...news, state: "failed", error: "This ended when the server did." })),
      ROLL_CALL_MS,
    );
  }

  #tell(news) {
    const known = this.#news.get(news.job);
    // A page that is opened later is told of jobs that are over, too: those are no news.
    const whole = { ...known, ...news, over: news.state !== "running" && known?.state !== "running" };
    this.#news.set(news.job, whole);
    for (const key of [news.job, news.kind])
      [...(this.#followers.get(key) ?? [])].forEach((follower) => follower(whole));
  }

  /** Follows one job, or all of a kind ("train"). Gives a function that ends it. */
  follow(key, follower) {
    const all = this.#followers.get(key) ?? new Set();
    this.#followers.set(key, all.add(follower));
    if (this.#news.has(key)) follower(this.#news.get(key));
    return () => all.delete(follower);
  }
}

export class Train {
  #table;
  #jobs;
  #last = null;
  #open = null;

  constructor(table, jobs) {
    [this.#table, this.#jobs] = [table, jobs];
    jobs.follow("train", (news) => this.#news(news));
  }

  /** The form, or the training that is under way. */
  show() {
    if (this.#last?.state === "running") this.#watch(this.#last.job);
    else this.#form();
  }

  #form() {
    const { data, methods } = this.#table.server;
    const { box, body, foot, close } = dialog("Train here", {
      about: "A model learns from your pictures on this machine. Nothing leaves it.",
    });
    const source = select(
      "train-data",
      data.map((name) => [name, name]),
    );
    const method = select(
      "train-method",
      methods.map(({ name }) => [name, name]),
    );
    if (methods.some(({ name }) => name === "vae")) method.value = "vae"; // learns surely, and encodes photos
    const about = el("p", { class: "muted" });
    const minutes = el("input", {
      type: "number",
      class: "field short",
      id: "train-minutes",
      min: 0.1,
      max: 1440,
      step: "any",
      value: 5,
    });
    const size = select("train-size", [
      ["", "as the method likes"],
      ...[16, 32, 64, 128].map((side) => [side, `${side} px`]),
    ]);
    const name = el("input", { type: "text", class: "field", id: "train-name", maxLength: 60, autocomplete: "off" });
    const suggest = () => {
      about.textContent = methods.find((one) => one.name === method.value)?.about ?? "";
      name.placeholder = `${source.value.split("/").at(-1)}-${method.value}`;
    };
    [source, method].forEach((one) => {
      one.onchange = suggest;
    });
    suggest();
    const go = button(
      "Start training",
      () =>
        attempt(
          async () => {
            if (![minutes, name].every((field) => field.reportValidity())) return;
            const job = {
              data: source.value,
              method: method.value,
              minutes: Number(minutes.value),
              size: Number(size.value) || null,
              run: name.value.trim() || name.placeholder,
            };
            const answer = await api.train(job);
            close();
            this.#watch(answer.job);
          },
          { busy: go },
        ),
      { kind: "primary", disabled: !data.length },
    );
    body.append(
      el(
        "div",
        { class: "form" },
        field("Pictures", source),
        field("Method", method),
        about,
        field("Minutes", minutes),
        field("Size", size),
        field("Name", name),
      ),
    );
    foot.append(el("span", { class: "grow muted" }, "The same job as imaginable train."), go);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) {
        event.preventDefault();
        go.click();
      }
    });
    source.focus();
  }

  #watch(job) {
    const view = {
      bar: el("progress", { max: 1, value: 0, aria: { label: "Progress" } }),
      line: el("p", { class: "verdict", aria: { live: "off" } }, "Starting …"),
      health: el("p", { class: "muted" }),
      sample: el("img", { class: "samples", alt: "Samples of the model as it learns", hidden: true }),
    };
    const { body, foot, close } = dialog("Training", {
      wide: true,
      about: "You can close this; the training goes on.",
      closed: () => {
        unfollow();
        this.#open = null;
      },
    });
    const stop = button("Stop and save", () => attempt(() => api.cancel(job), { busy: stop }), { kind: "danger" });
    body.append(view.bar, view.line, view.health, view.sample);
    foot.append(stop, button("Close", close));
    this.#open = job;
    const unfollow = this.#jobs.follow(job, (news) => {
      view.bar.value = news.fraction ?? 0;
      view.line.textContent = news.state === "failed" ? news.error : (news.line ?? "");
      view.health.textContent = news.health ?? "";
      if (news.sample) [view.sample.src, view.sample.hidden] = [news.sample, false];
      stop.hidden = news.state !== "running";
      if (news.state === "done") close();
    });
  }

  #news(news) {
    this.#last = news;
    const chip = $("job");
    chip.hidden = news.state !== "running";
    const share = Math.round(100 * (news.fraction ?? 0));
    chip.replaceChildren(
      button(`Training ${share} %`, () => this.#watch(news.job), { kind: "small", hint: news.line ?? "" }),
    );
    chip.style.setProperty("--share", `${share}%`);
    if (news.over) return;
    if (news.state === "done") this.#done(news.result);
    if (news.state === "failed" && this.#open !== news.job) say(news.error ?? "The training failed.", "bad");
    if (news.state === "cancelled") say(news.line || "The training was stopped.");
  }

  async #done(result) {
    const server = await attempt(api.state);
    if (!server) return;
    this.#table.setServer(server);
    const id = result?.run?.id;
    if (!id || !this.#table.run(id)) return;
    this.#table.change((world) => ({ ...world, shown: [id] }));
    this.#table.activate(id);
    say(`${this.#table.run(id).name} has learned: it is on the table.`);
  }
}

const select = (id, options) =>
  el(
    "select",
    { class: "field", id },
    options.map(([value, text]) => el("option", { value }, text)),
  );
const field = (text, control) => el("div", { class: "line" }, el("label", { for: control.id }, text), control);
