// What models that have a page of their own do with a picture, in words.

const TASKS = {
  translate: {
    does: ({ ways }) => `Turns a picture of ${ways.length ? "either" : "one"} kind into one of the other.`,
    busy: "Translating",
    names: () => ["Before", "After"],
    choice: "Direction",
  },
  upscale: {
    does: (run) => `Enlarges ${run.factor} times. Fine detail is plausible, not what was there.`,
    busy: "Enlarging",
    names: (way) => ["Bicubic", way ? wayOf(way).name : "Enlarged"],
    choice: "Kind of enlargement",
  },
  inpaint: {
    does: () => "Fills what you paint over, with what could be there, not what was.",
    busy: "Filling",
    names: () => ["Before", "Filled"],
    choice: "",
  },
  score: { does: () => "Says how unlike its data a picture is, and where." },
};

const WAYS = {
  b: { name: "To B", hint: "From pictures like A to pictures like B" },
  a: { name: "To A", hint: "From pictures like B to pictures like A" },
  sharp: { name: "Sharp", hint: "Sharper; its detail is made up" },
  pixel: { name: "Pixel", hint: "Nearest to the truth pixel by pixel, and softer" },
};

/** A method from outside the package may have ways that we have no words for. */
export const wayOf = (way) => WAYS[way] ?? { name: way, hint: "" };
export const taskOf = (run) => TASKS[run.task];
export const spokenOf = (run, task = run.task) => `${run.method}, ${run.size} px. ${TASKS[task].does(run)}`;
