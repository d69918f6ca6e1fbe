// The design and its history in the storage of this tab, so that a reload loses nothing.

const KEPT = "imaginable-worlds";

/** {world, past, future}, or null. */
export function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null; // what another version kept is not worth an error
  }
}

/** A full storage costs the undo after a reload; a forbidden one the design as well. */
export function remember(world, steps) {
  if (!kept({ world, ...steps })) kept({ world, past: [], future: [] });
}

function kept(all) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(all));
    return true;
  } catch {
    return false;
  }
}
