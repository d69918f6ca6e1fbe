// What the keys do, for a person who asks.

import { dialog, el } from "./dom.js";

const OF_SLIDERS = [
  ["Ctrl Z · Ctrl Shift Z", "undo, redo"],
  ["← →", "move the slider"],
  ["0 · Backspace", "reset the slider"],
  ["N", "new seed"],
  ["S", "keep a snapshot"],
  ["T", "teach a slider"],
  ["M", "more like this"],
  ["B (hold)", "while comparing: see B"],
  ["Esc", "close what is open"],
];
const OF_PICTURES = [
  ["Ctrl V", "bring a picture from the clipboard"],
  ["← → · Home · End", "move the line between before and after"],
  ["[ · ]", "a smaller brush, a larger one"],
  ["E", "brush or eraser"],
  ["Ctrl Z", "take back what was painted last"],
  ["← → ↑ ↓ · Space", "on a picture to paint on: move the brush, paint"],
];

const OF_ANOMALIES = [
  ["Ctrl V", "bring a picture from the clipboard"],
  ["Tab", "from one picture to the next"],
  ["Enter", "on a picture: see it large, with all its scores"],
  ["Esc", "close what is open"],
];
const ROWS = { sliders: OF_SLIDERS, work: OF_PICTURES, anomalies: OF_ANOMALIES };

/** place: sliders, work or anomalies. */
export function help(place) {
  const { body } = dialog("Keyboard");
  const rows = ROWS[place];
  body.append(
    el(
      "dl",
      { class: "keys" },
      rows.flatMap(([keys, what]) => [el("dt", {}, keys), el("dd", {}, what)]),
    ),
  );
}
