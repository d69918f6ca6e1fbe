// Undo and redo. Worlds are values that never change, so a step is only the world that was there before it.

const STEPS = 100;
const KEPT_STEPS = 30;
const SAME_STEP_MS = 700;

export class History {
  #past = [];
  #future = [];
  #base = null;
  #last = { key: null, at: 0 };

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** A change begins at this world; until the commit, all that follows belongs to it. */
  begin(world) {
    this.#base ??= world;
  }

  /** The change is done. Those of one key in quick succession (an arrow key held) are one. False if nothing changed. */
  commit(world, key) {
    const base = this.#base;
    this.#base = null;
    if (!base || JSON.stringify(base) === JSON.stringify(world)) return false;
    const now = performance.now();
    const goesOn = key !== null && key === this.#last.key && now - this.#last.at < SAME_STEP_MS;
    if (!goesOn) this.#past = [...this.#past, base].slice(-STEPS);
    this.#future = [];
    this.#last = { key, at: now };
    return true;
  }

  undo(world) {
    this.#last.key = null;
    this.#future.push(world);
    return this.#past.pop();
  }

  redo(world) {
    this.#last.key = null;
    this.#past.push(world);
    return this.#future.pop();
  }

  rewrite(change) {
    this.#past = this.#past.map(change);
    this.#future = this.#future.map(change);
  }

  get kept() {
    return { past: this.#past.slice(-KEPT_STEPS), future: this.#future.slice(-KEPT_STEPS) };
  }

  restore({ past, future }) {
    [this.#past, this.#future] = [past, future];
  }
}
