// What is on the table: the design under the sliders, its history, and what the server knows.
//
// A world is a frozen-in-time value that is never changed, only replaced:
//   {shown: [run id], starts: {run id: {start, mix: [{layers, start}], label, truncation}},
//    moves: [{name, run, amount, locked, layers}]}
// Layers are [first, last], and null where a move acts in all of them.
// A move's `run` is null when its meaning is shared by all runs that know the name (a person gave it, or labels did);
// found ones belong to one run, because "PC 1" of two models have nothing in common.

import { History } from "./history.js";
import { recall, remember } from "./kept.js";
import { clipped, narrowed } from "./layers.js";
import { begun, doubts, keyOf, shared, still } from "./moves.js";

const EMPTY = { shown: [], starts: {}, moves: [] };
const FIRST = { start: { seed: 1 }, mix: [], label: null, truncation: null };
export const MOST_PANES = 4;

/** Events: "world" (the design changed), "server" (runs, sliders or snapshots changed). */
export class Table extends EventTarget {
  server = { runs: [], snapshots: [], data: [], methods: [] };
  world = EMPTY;
  active = null;
  #history = new History();
  #saving = 0;

  constructor() {
    super();
    const kept = recall();
    if (kept) {
      this.#history.restore(kept);
      this.world = kept.world;
    }
    addEventListener("pagehide", () => remember(this.world, this.#history.kept));
  }

  // --- what the server knows

  setServer(server) {
    this.server = server;
    const here = new Set(server.runs.map((run) => run.id));
    const shown = this.world.shown.filter((id) => here.has(id));
    if (!shown.length && server.runs.length) shown.push(server.runs[0].id);
    this.world = { ...this.world, shown };
    this.activate(this.active);
    this.dispatchEvent(new Event("server"));
    this.#tell();
  }

  setDirections(run, directions) {
    const runs = this.server.runs.map((one) => (one.id === run ? { ...one, directions } : one));
    this.setServer({ ...this.server, runs });
  }

  setSnapshots(snapshots) {
    this.setServer({ ...this.server, snapshots });
  }
  run(id) {
    return this.server.runs.find((run) => run.id === id);
  }
  get shown() {
    return this.world.shown.map((id) => this.run(id)).filter(Boolean);
  }

  activate(id) {
    this.active = this.world.shown.includes(id) ? id : (this.world.shown[0] ?? null);
    this.dispatchEvent(new Event("active"));
  }

  knows(run, move) {
    return run.directions.some((one) => one.name === move.name && move.run === (shared(one) ? null : run.id));
  }

  /** The tray's sliders: the union over the shown runs, named ones first. */
  sliders() {
    const found = new Map();
    for (const run of this.shown) {
      for (const direction of run.directions) {
        const slider = { ...direction, run: shared(direction) ? null : run.id, runs: [run] };
        const known = found.get(keyOf(slider));
        if (!known) found.set(keyOf(slider), slider);
        else known.runs.push(run);
        if (known && direction.confidence < known.confidence) Object.assign(known, doubts(direction));
      }
    }
    return [...found.values()].sort((a, b) => b.named - a.named);
  }

  // --- the design

  /** Where a run's design starts, without what the run cannot do (it may have been trained anew since). */
  start(id, world = this.world) {
    const run = this.run(id);
    const { start, mix = [], label, truncation } = world.starts[id] ?? FIRST;
    const fits = (one) => !("code" in one) || one.code.length === run?.latents;
    const mixed = run?.layers ? mix.filter((one) => fits(one.start)) : [];
    return {
      start: fits(start) ? start : FIRST.start,
      mix: mixed.map((one) => ({ ...one, layers: clipped(one.layers, run.layers) })),
      label: run?.classes.includes(label) ? label : null,
      truncation: run?.truncates ? truncation : null,
    };
  }

  move(slider) {
    return (
      this.world.moves.find((move) => keyOf(move) === keyOf(slider)) ?? {
        name: slider.name,
        run: slider.run,
        amount: 0,
        locked: false,
        layers: null,
      }
    );
  }

  design(id, world = this.world) {
    const run = this.run(id);
    const moves = world.moves.filter((move) => (move.amount || move.locked) && this.knows(run, move));
    const { mix, ...start } = this.start(id, world);
    return {
      run: id,
      ...start,
      ...(mix.length ? { mix } : {}),
      moves: moves.map(({ name, amount, locked, layers }) => {
        const range = narrowed(layers, run.layers);
        return { name, amount, locked, ...(range ? { layers: range } : {}) };
      }),
    };
  }

  unknown(run) {
    return this.world.moves
      .filter((move) => move.amount && !move.run && !this.knows(run, move))
      .map((move) => move.name);
  }

  /** Changes without a step in the history yet: a slider on its way. */
  live(next) {
    this.#history.begin(this.world);
    this.world = next(this.world);
    this.#tell();
  }

  /** The step is done. */
  commit(key = null) {
    if (this.#history.commit(this.world, key)) this.#tell();
  }

  change(next, key = null) {
    this.live(next);
    this.commit(key);
  }

  setMove(slider, change) {
    const old = this.world.moves.filter((move) => keyOf(move) !== keyOf(slider));
    return (world) => ({ ...world, moves: [...old, { ...this.move(slider), ...change }] });
  }

  setStart(ids, change) {
    return (world) => ({
      ...world,
      starts: { ...world.starts, ...Object.fromEntries(ids.map((id) => [id, { ...this.start(id), ...change }])) },
    });
  }

  /** A finished picture as the new beginning of a run: its sliders rest, its locks stay. */
  begin(id, start, more = {}) {
    this.change((world) => ({
      ...this.#begun(world, id, { start, truncation: null, ...more }),
      moves: still(world.moves),
    }));
    this.activate(id);
  }

  /** A whole design, its sliders included. Gives the names that its run does not know any more. */
  load({ run: id, start, mix = [], label = null, truncation = null, moves = [] }) {
    const run = this.run(id);
    const byName = new Map(run.directions.map((one) => [one.name, one]));
    const known = moves
      .filter((move) => byName.has(move.name))
      .map((move) => ({
        name: move.name,
        run: shared(byName.get(move.name)) ? null : id,
        amount: move.amount,
        locked: Boolean(move.locked),
        layers: move.layers ?? null,
      }));
    this.change((world) => ({ ...this.#begun(world, id, { start, mix, label, truncation }), moves: known }));
    this.activate(id);
    return moves.filter((move) => !byName.has(move.name)).map((move) => move.name);
  }

  /** Several runs begin at codes of their own; the moves are replaced. */
  fold(designs, codes, moves) {
    this.change((world) =>
      designs.reduce(
        (whole, { run, label }, index) =>
          this.#begun(whole, run, { start: { code: codes[index] }, label, truncation: null }),
        { ...world, moves: moves(world.moves) },
      ),
    );
  }

  #begun(world, id, change) {
    const shown = world.shown.includes(id) ? world.shown : [...world.shown.slice(0, MOST_PANES - 1), id];
    return {
      ...world,
      shown,
      starts: { ...world.starts, [id]: { ...this.start(id), ...begun(change) } },
    };
  }

  /** A slider was given another name: so it was called all along. */
  renamed(slider, name) {
    const known = (world) => ({
      ...world,
      moves: world.moves.map((move) => (keyOf(move) === keyOf(slider) ? { ...move, name, run: null } : move)),
    });
    this.world = known(this.world);
    this.#history.rewrite(known);
  }

  // --- history

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  undo() {
    this.commit();
    if (this.canUndo) this.#goTo(this.#history.undo(this.world));
  }

  redo() {
    this.commit();
    if (this.canRedo) this.#goTo(this.#history.redo(this.world));
  }

  #goTo(world) {
    this.world = { ...world, shown: world.shown.filter((id) => this.run(id)) };
    this.activate(this.active);
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("world"));
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => remember(this.world, this.#history.kept), 250);
  }
}
