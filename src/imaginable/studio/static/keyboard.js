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

export function help(ofPictures) {
  const { body } = dialog("Keyboard");
  const rows = ofPictures ? OF_PICTURES : OF_SLIDERS;
  body.append(
    el(
      "dl",
      { class: "keys" },
      rows.flatMap(([keys, what]) => [el("dt", {}, keys), el("dd", {}, what)]),
    ),
  );
}
