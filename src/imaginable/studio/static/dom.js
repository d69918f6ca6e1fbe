// Small helpers for building the page. Everything a person reads is set as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** el("button", {class: "quiet", onclick: f, aria: {label: "Undo"}}, "text", node, null) */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key === "class") node.className = value;
    else if (key === "aria") Object.entries(value).forEach(([name, text]) => node.setAttribute(`aria-${name}`, text));
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key === "role" || key === "for" || key === "list") node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const ICONS = {
  undo: "M8 5 4 9l4 4M4 9h9a5 5 0 0 1 0 10h-3",
  redo: "m16 5 4 4-4 4M20 9h-9a5 5 0 0 0 0 10h3",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z",
  open: "M7 11V8a5 5 0 0 1 9.6-2M6 11h12v9H6z",
  more: "M12 6v.01M12 12v.01M12 18v.01",
  dice: "M5 5h14v14H5zM9 9v.01M15 15v.01M12 12v.01M15 9v.01M9 15v.01",
  keep: "M7 4h10v16l-5-4-5 4z",
  grid: "M5 5h6v6H5zM13 5h6v6h-6zM5 13h6v6H5zM13 13h6v6h-6z",
  save: "M12 4v11m-4-4 4 4 4-4M5 19h14",
  photo: "M4 8h4l2-3h4l2 3h4v11H4zM12 16a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
  look: "M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12M20 20l-4.7-4.7",
  train: "M5 19V9M12 19V5M19 19v-7",
  point: "M6 4l12 7-5 1.500L15 18l-2.500 1-2-5.500L6 17z",
  close: "M6 6l12 12M18 6 6 18",
  split: "M4 5h16v14H4zM12 5v14",
  morph: "M4 12a4 4 0 1 0 8 0 4 4 0 1 0-8 0M12 9.300a4 4 0 1 1 0 5.400",
  folder: "M4 6h6l2 2h8v11H4z",
  help: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.100-1.500 2.400M12 18v.01",
  brush: "M4 20c3 0 5-1 5-3a2.500 2.500 0 0 0-4-1.500c-1 1-.3 3-1 4.500M9 15 19 4l1 1-9 12",
  alarm: "M12 4.500 3.500 19h17zM12 10v4.500M12 17v.01",
  layers: "m12 4 8 4-8 4-8-4zM4 12l8 4 8-4M4 16l8 4 8-4",
  mix: "M4 7h4c5 0 5 10 10 10h2m-3-3 3 3-3 3M4 17h4c1.600 0 2.700-1 3.600-2.400M20 7h-2c-1.600 0-2.700 1-3.600 2.400M17 4l3 3-3 3",
  reset: "M5 5v5h5M5.500 10a7 7 0 1 1-.5 5",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button; with an icon and no text its name goes to screen readers and to the hint. */
export function button(text, onclick, { image = null, kind = "", hint = "", wordless = false, ...rest } = {}) {
  const aria = { ...(rest.aria || {}), ...(image || wordless ? { label: text } : {}) }; // on narrow screens only the icon is left
  const words = wordless ? null : el("span", {}, text);
  const title = hint || (wordless ? text : null);
  return el(
    "button",
    { type: "button", ...rest, class: `button ${kind}`, onclick, title, aria },
    image && icon(image),
    words,
  );
}

let statusTimer = 0;

/** The status line, or that of the dialog in front: spoken by screen readers, gone after a while. */
export function say(text, kind = "") {
  const line = [...document.querySelectorAll("dialog[open] .dialog-note")].at(-1) ?? $("status");
  line.textContent = text;
  line.className = `${line.id || "dialog-note"} shown ${kind}`;
  clearTimeout(statusTimer);
  if (kind === "busy") return; // until there is something else to say
  statusTimer = setTimeout(() => line.classList.remove("shown"), kind === "bad" ? 9000 : 4500);
}

/** Runs something asynchronous of a person's; what fails is said in the status line. */
export async function attempt(work, { busy = null } = {}) {
  if (busy) busy.setAttribute("aria-busy", "true");
  if (busy) busy.disabled = true;
  try {
    return await work();
  } catch (error) {
    say(error.message, "bad");
    return null;
  } finally {
    if (busy) busy.removeAttribute("aria-busy");
    if (busy) busy.disabled = false;
  }
}

export function dialog(title, { wide = false, about = "", closed = null } = {}) {
  const body = el("div", { class: "dialog-body" });
  const foot = el("footer", { class: "dialog-foot" });
  const note = el("p", { class: "dialog-note", role: "status" });
  const heading = el("h2", { id: `title-${Math.random().toString(36).slice(2)}` }, title);
  const close = button("Close", () => box.close(), { image: "close", kind: "ghost square", wordless: true });
  const words = el("div", {}, heading, about ? el("p", { class: "muted" }, about) : null);
  const box = el(
    "dialog",
    { class: `dialog ${wide ? "wide" : ""}`, aria: { labelledby: heading.id } },
    el("header", { class: "dialog-head" }, words, close),
    body,
    note,
    foot,
  );
  box.addEventListener("close", () => {
    box.remove();
    closed?.();
  });
  // A click on the backdrop closes: the box itself is covered by its children.
  box.addEventListener("pointerdown", (event) => {
    if (event.target === box) box.close();
  });
  document.body.append(box);
  box.showModal();
  return { box, body, foot, close: () => box.close() };
}

/** Asks for one line of text; null when it was closed. */
export function ask(title, value, action) {
  return new Promise((resolve) => {
    let answer = null;
    const { box, body, foot } = dialog(title, { closed: () => resolve(answer) });
    const input = el("input", { type: "text", value, maxLength: 60, class: "field", aria: { label: "Name" } });
    const done = () => {
      if (!input.value.trim()) return input.focus();
      answer = input.value.trim();
      return box.close();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        done();
      }
    });
    body.append(input);
    foot.append(button(action, done, { kind: "primary" }));
    input.focus();
    input.select();
  });
}

/** A menu under a button; items are [text, action] or null. Arrows move, Escape closes. */
export function menu(anchor, items) {
  const list = el("div", { class: "menu", role: "menu", popover: "auto" });
  const entries = items.filter(Boolean).map(([text, action]) =>
    el(
      "button",
      {
        type: "button",
        role: "menuitem",
        onclick: () => {
          list.hidePopover();
          action();
        },
      },
      text,
    ),
  );
  list.append(...entries);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    entries[(entries.indexOf(document.activeElement) + step + entries.length) % entries.length].focus();
  });
  float(anchor, list);
  entries[0].focus();
}

/** Shows a popover under a button; once closed it is gone. */
export function float(anchor, node) {
  node.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    node.remove();
    anchor.setAttribute("aria-expanded", "false");
  });
  anchor.after(node);
  node.showPopover();
  place(node, anchor.getBoundingClientRect());
  anchor.setAttribute("aria-expanded", "true");
}

function place(list, at) {
  const { width, height } = list.getBoundingClientRect();
  const below = at.bottom + 4 + height < innerHeight;
  list.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
  list.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - height - 4)}px`;
}

export const figure = (value, digits = 2) => Number(value).toFixed(digits).replace("-", "−");
/** Names of factors are made for files; a person reads words. */
export const spoken = (name) => name.replaceAll("_", " ");
export const typing = (event) =>
  event.target.matches?.("input:not([type=range]):not([type=checkbox]), textarea, select");

/** A part of the tray: its heading, what can be done with it, and what is in it. */
export const section = (title, actions, content) =>
  el(
    "section",
    { class: "group", aria: { label: title } },
    el("header", { class: "group-head" }, el("h2", {}, title), el("div", { class: "group-actions" }, actions)),
    content,
  );
