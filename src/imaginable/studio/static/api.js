// The server's HTTP side. Every failure becomes an Error with one line for a person.

async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Error("The studio's server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  let line = `The server refused this (${answer.status}).`;
  try {
    line = (await answer.json()).error || line;
  } catch {
    /* the answer was no JSON: the status must do */
  }
  throw Object.assign(new Error(line), { status: answer.status });
}

const json = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});
const post = async (path, body) => (await request(path, json(body))).json();
const of = (run, what) => `/api/runs/${encodeURIComponent(run)}/${what}`;

/** The server's runs in two: those with codes, and those that have a page of their own each. */
export async function state() {
  const server = await (await request("/api/state")).json();
  const apart = server.runs.filter((run) => run.task);
  return { ...server, runs: server.runs.filter((run) => !run.task), apart };
}
export const find = (run, kind, count) => post(of(run, "find"), { kind, count });
export const teach = (run, lesson) => post(of(run, "teach"), lesson);
export const rename = (run, name, next) => post(of(run, "directions/rename"), { name, new: next });
export const remove = (run, name) => post(of(run, "directions/remove"), { name });
export const sheet = (run, wish) => post(of(run, "sheet"), wish);
export const fold = async (design) => (await post(of(design.run, "fold"), { design })).code;
export const nearest = (design) => post(of(design.run, "nearest"), { design });
export const keep = (name, design) => post("/api/snapshots", { name, design });
export const forget = (id) => post(`/api/snapshots/${encodeURIComponent(id)}/remove`, {});
export const thumbnail = (id) => `/api/snapshots/${encodeURIComponent(id)}.png`;
export const train = (job) => post("/api/train", job);
export const cancel = (job) => post(`/api/jobs/${encodeURIComponent(job)}/cancel`, {});

async function upload(path, file) {
  const headers = { "Content-Type": "application/octet-stream" };
  return (await request(path, { method: "POST", headers, body: file })).json();
}
/** space: where its code is looked for, w or w+, of a model with layers. */
export const photo = (run, file, space) =>
  upload(of(run, space ? `photo?space=${encodeURIComponent(space)}` : "photo"), file);

// --- pictures of pictures

export const bring = (run, file) => upload(of(run, "bring"), file);
export const make = (picture, wish) => post(`/api/brought/${encodeURIComponent(picture)}/make`, wish);
export const brought = (picture) => `/api/brought/${encodeURIComponent(picture)}.png`;
export const letGo = (pictures) => post("/api/forget", { pictures });
export const examples = async (run, to) => (await post(of(run, "examples"), { to })).pictures;
export const made = async (picture, name) => ({ ...(await file(await request(brought(picture)), name)), name });

// --- anomalies

/** What is known of a run's scores, as {detector}, or the {job} that finds that out. */
export const detector = (run) => post(of(run, "detector"), {});
export const judge = (run, file) => upload(of(run, "judge"), file);

export async function recipe(text) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: text };
  return (await (await request("/api/recipe", options)).json()).design;
}

/** A file that the server makes: its blob and the name that the server gave it. */
async function file(answer, fallback) {
  const named = /filename="?([^";]+)"?/.exec(answer.headers.get("Content-Disposition") || "");
  return { blob: await answer.blob(), name: named ? named[1] : fallback };
}

export const picture = async (design) =>
  file(await request(of(design.run, "picture"), json({ design })), "picture.png");
export const recipeOf = async (design) =>
  file(await request(of(design.run, "recipe"), json({ design })), "design.json");
export const morph = async (run, wish) => file(await request(of(run, "morph"), json(wish)), `morph.${wish.format}`);
export const direction = async (run, name) =>
  file(await request(of(run, `directions/${encodeURIComponent(name)}.json`)), "direction.json");

export function download({ blob, name }) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
