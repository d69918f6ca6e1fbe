// The studio's page: puts the parts together. State is in state.js; each part listens to it.

import { Alarms, MOST } from "./alarms.js";
import * as api from "./api.js";
import { Compare } from "./compare.js";
import { Directions } from "./directions.js";
import { $, attempt, button, el, menu, say, typing } from "./dom.js";
import { dropped } from "./files.js";
import { help } from "./keyboard.js";
import { Photo } from "./photo.js";
import { Stage } from "./picture.js";
import { Places } from "./places.js";
import { anySeed, moreLikeThis, nearest } from "./sheets.js";
import { Snapshots } from "./snapshots.js";
import { Socket } from "./socket.js";
import { Table } from "./state.js";
import { teach } from "./teach.js";
import { Jobs, Train } from "./train.js";
import { Tray } from "./tray.js";
import { Workshop } from "./workshop.js";

const AWAY_AFTER_MS = 600; // a blink of the connection is nobody's concern

const table = new Table();
const socket = new Socket();
const jobs = new Jobs(socket);
const stage = new Stage(table, socket);
const compare = new Compare(table, stage, socket, $("compare"));
const directions = new Directions(table);
const snapshots = new Snapshots(table, $("snapshots"), (snapshot) => compare.with(snapshot));
const photo = new Photo(table, jobs);
const train = new Train(table, jobs);
const workshop = new Workshop($("work"), jobs);
const alarms = new Alarms($("alarms"), jobs, () => places.back());
const places = new Places(table, workshop, alarms);

const fresh = () => table.change(table.setStart(table.world.shown, { start: { seed: anySeed() } }), "seed");
const teachSlider = () =>
  teach(table, async (direction) => {
    await refresh();
    say(direction.weak ? `${direction.name} is saved, but weak.` : `${direction.name} is a slider now.`);
  });

new Tray(table, $("tray"), {
  fresh,
  teach: teachSlider,
  find: (anchor) => directions.find(anchor),
  lock: (slider, control) => directions.lock(slider, control),
  rename: (slider) => directions.rename(slider),
  remove: (slider) => directions.remove(slider),
  saveDirection: (slider) => directions.save(slider),
});

// --- the bars

const undo = button("Undo", () => table.undo(), {
  image: "undo",
  kind: "ghost square",
  wordless: true,
  hint: "Undo (Ctrl+Z)",
});
const redo = button("Redo", () => table.redo(), {
  image: "redo",
  kind: "ghost square",
  wordless: true,
  hint: "Redo (Ctrl+Shift+Z)",
});
const photoButton = button("Your photo", () => photo.choose(), {
  image: "photo",
  kind: "ghost",
  hint: "Find your photo in the model (or drop it anywhere)",
});
const alarmButton = button("Anomalies", () => places.judge(), {
  image: "alarm",
  kind: "ghost",
  hint: "Which pictures are unlike those it learned from, and where",
});
const recipeButton = button("Open recipe", openRecipe, { image: "folder", kind: "ghost" });
$("actions").append(
  undo,
  redo,
  photoButton,
  alarmButton,
  button("Train", () => train.show(), { image: "train", kind: "ghost" }),
  recipeButton,
  button("Keyboard", showKeys, { image: "help", kind: "ghost square", wordless: true, hint: "Keyboard (?)" }),
);

const save = button(
  "Save",
  () =>
    menu(save, [
      ["Picture (PNG)", savePicture],
      ["Recipe (JSON)", saveRecipe],
    ]),
  { image: "save", aria: { haspopup: "menu" } },
);
const tools = [
  button("Keep", () => snapshots.keep(), { image: "keep", kind: "primary", hint: "Keep a snapshot (S)" }),
  button("More like this", () => moreLikeThis(table), { image: "grid" }),
  button("Is it a copy?", () => nearest(table), { image: "look", hint: "The nearest training pictures" }),
  save,
];
$("tools").append(...tools);

function showBars() {
  undo.disabled = !table.canUndo;
  redo.disabled = !table.canRedo;
  const none = !table.active;
  [...tools, photoButton].forEach((one) => {
    one.disabled = none;
  });
  for (const one of [undo, redo, photoButton, recipeButton]) one.hidden = places.name !== "sliders";
  alarmButton.hidden = !places.judges;
}

table.addEventListener("world", showBars);
table.addEventListener("active", showBars);
places.addEventListener("place", showBars);

// --- files in and out

const savePicture = () =>
  attempt(async () => api.download(await api.picture(table.design(table.active))), { busy: save });
const saveRecipe = () =>
  attempt(async () => api.download(await api.recipeOf(table.design(table.active))), { busy: save });

function openRecipe() {
  const input = el("input", {
    type: "file",
    accept: ".json,application/json",
    onchange: () => {
      if (input.files[0]) takeRecipe(input.files[0]);
    },
  });
  input.click();
}

const takeRecipe = (file) =>
  attempt(async () => {
    const design = await api.recipe(await file.text());
    if (!table.run(design.run)) throw new Error("The model of this recipe is not here.");
    table.load(design);
    say(`${file.name} is on the table.`);
  });

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (alarms.run) return void dropped(event.dataTransfer, MOST).then((files) => alarms.take(files));
  const file = event.dataTransfer.files[0];
  if (!file) return;
  if (workshop.run) workshop.take(file);
  else file.name.endsWith(".json") ? takeRecipe(file) : photo.take(file);
});

// --- keyboard

function showKeys() {
  help(places.name);
}

const KEYS = { n: fresh, s: () => snapshots.keep(), t: teachSlider, m: () => moreLikeThis(table), "?": showKeys };

addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || typing(event)) return;
  if (places.name !== "sliders" && event.key !== "?") return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    const step = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[key];
    if (step) {
      event.preventDefault();
      table[step]();
    }
  } else if (KEYS[key] && !event.altKey && (table.active || key === "?")) {
    event.preventDefault();
    KEYS[key]();
  }
});

// --- the connection

let away = 0;
let refreshes = 0;

async function refresh() {
  const asked = ++refreshes;
  const server = await attempt(api.state);
  if (server && asked === refreshes) table.setServer(server); // an older answer may come later
}

socket.addEventListener("open", () => {
  clearTimeout(away);
  if (!$("away").hidden) say("Connected again. Nothing was lost.");
  $("away").hidden = true;
  refresh();
});
socket.addEventListener("away", () => {
  clearTimeout(away);
  away = setTimeout(() => {
    $("away").textContent = "The connection is away. Your design is kept; trying again …";
    $("away").hidden = false;
  }, AWAY_AFTER_MS);
});
socket.addEventListener("news", ({ detail }) => {
  if (detail.type === "runs") refresh().then(() => stage.refresh());
  if (detail.type === "error") later(refresh); // a run may have vanished
});

let waiting = 0;
function later(doing) {
  clearTimeout(waiting);
  waiting = setTimeout(doing, 500);
}

socket.connect();
