// What moves and starts are, and what can be said of them alone.

export const shared = (direction) => direction.named || direction.kind === "supervised" || direction.kind === "pointed";
export const keyOf = ({ name, run }) => `${run ?? ""}\n${name}`;
export const doubts = ({ confidence, weak, about, measure }) => ({ confidence, weak, about, measure });
/** Codes are float32: nine digits say all of it, in half the letters. */
export const compact = (start) =>
  "code" in start ? { code: start.code.map((value) => Number(value.toPrecision(9))) } : start;
/** A start whose mix is left out is of one picture alone. */
export const begun = ({ mix = [], ...change }) => ({
  ...change,
  start: compact(change.start),
  mix: mix.map(({ layers, start }) => ({ layers, start: compact(start) })),
});
export const still = (moves) => moves.map((move) => ({ ...move, amount: 0 }));
