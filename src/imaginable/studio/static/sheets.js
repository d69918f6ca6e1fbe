// Sheets of pictures to look at and to choose from.

import * as api from "./api.js";
import { attempt, button, dialog, el, figure, say } from "./dom.js";

export const SHEET = 24;
const SPREADS = [
  ["a little", 0.2],
  ["somewhat", 0.4],
  ["a lot", 0.8],
];

/** Pictures that arrows walk through; `pick(index)` on click, Enter or Space, `key(index, event)` for more keys. */
export function grid(label, { pick = null, key = null } = {}) {
  const node = el("div", { class: "sheet", role: "group", aria: { label } });
  const items = () => [...node.children];
  const go = (item) => {
    if (!item) return;
    items().forEach((other) => {
      other.tabIndex = other === item ? 0 : -1;
    });
    item.focus();
  };
  node.addEventListener("keydown", (event) => {
    const index = items().indexOf(document.activeElement);
    if (index < 0) return;
    const next = neighbour(items(), index, event.key);
    if (next !== null) {
      event.preventDefault();
      go(items()[next]);
    } else key?.(index, event);
  });
  const fill = (pictures, words = (index) => `Picture ${index + 1}`) =>
    node.replaceChildren(
      ...pictures.map((source, index) =>
        el(
          "button",
          {
            type: "button",
            class: "cell",
            tabIndex: index ? -1 : 0,
            aria: { label: words(index) },
            onclick: () => pick?.(index),
          },
          el("img", { src: source, alt: "", draggable: false }),
        ),
      ),
    );
  return { node, fill, items };
}

/** Where an arrow leads from an item, rows being what the layout made of them. */
function neighbour(items, index, key) {
  const across = items.filter((item) => item.offsetTop === items[0].offsetTop).length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[key];
  if (key === "Home") return 0;
  if (key === "End") return items.length - 1;
  if (!step) return null;
  return Math.max(0, Math.min(items.length - 1, index + step));
}

export function placeholders(sheet, count = SHEET) {
  sheet.node.replaceChildren(...Array.from({ length: count }, () => el("span", { class: "cell blank" })));
}

export const anySeed = () => Math.floor(Math.random() * 1_000_000);

export function moreLikeThis(table) {
  const id = table.active;
  if (!id) return;
  const design = table.design(id);
  const { body, foot, close } = dialog("More like this", { wide: true, about: "Click one to go on with it." });
  let starts = [];
  const sheet = grid("Variations", {
    pick: (index) => {
      table.begin(id, starts[index]);
      close();
      say("Going on from that one.");
    },
  });
  const spread = el(
    "select",
    { class: "field", aria: { label: "How different" } },
    SPREADS.map(([text, value]) => el("option", { value, selected: value === 0.4 }, text)),
  );
  const load = () =>
    attempt(
      async () => {
        placeholders(sheet);
        const wish = {
          seed: anySeed(),
          count: SHEET,
          design,
          spread: Number(spread.value),
          label: design.label,
          truncation: design.truncation,
        };
        const answer = await api.sheet(id, wish);
        starts = answer.starts;
        sheet.fill(answer.pictures, (index) => `Variation ${index + 1}`);
        if (document.activeElement !== spread) sheet.items()[0]?.focus();
      },
      { busy: others },
    );
  const others = button("Others", load);
  spread.onchange = load;
  body.append(sheet.node);
  foot.append(el("label", { class: "inline" }, "Different ", spread), others);
  load();
}

export async function nearest(table) {
  const id = table.active;
  if (!id) return;
  const design = table.design(id);
  const about = "The training pictures that are nearest to this design.";
  const { body } = dialog("Is it a copy?", { wide: true, about });
  const verdict = el("p", { class: "verdict", aria: { live: "polite" } }, "Looking through the training pictures …");
  const sheet = el("div", { class: "sheet" });
  body.append(verdict, sheet);
  try {
    const answer = await api.nearest(design);
    verdict.textContent = answer.verdict;
    sheet.replaceChildren(
      ...answer.pictures.map((source, index) =>
        el(
          "figure",
          { class: "cell still" },
          el("img", { src: source, alt: `Training picture ${answer.names[index]}` }),
          el(
            "figcaption",
            {},
            el("span", {}, answer.names[index]),
            el("span", { class: "muted" }, figure(answer.distances[index], answer.distances[index] < 1 ? 3 : 1)),
          ),
        ),
      ),
    );
  } catch (error) {
    verdict.textContent = error.message;
  }
}
