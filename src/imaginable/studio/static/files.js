// What a person drops or chooses: files, and all that lie in a folder.

const asFile = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));
const some = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));

/** {file, name} of each; the name is the path below what was given. At most `most`, and one more where there are. */
export async function dropped(transfer, most) {
  const files = [...transfer.files]; // both lists are empty once the event is over
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return files.map(named);
  const found = [];
  for (const entry of entries) await gather(entry, "", found, most);
  return found;
}

async function gather(entry, folder, found, most) {
  if (found.length > most || (folder && entry.name.startsWith("."))) return;
  const name = `${folder}${entry.name}`;
  if (entry.isFile) found.push({ file: await asFile(entry), name });
  else for (const inner of await inside(entry)) await gather(inner, `${name}/`, found, most);
}

/** A reader gives what is in a folder in parts, until there is none left. */
async function inside(folder) {
  const [reader, all] = [folder.createReader(), []];
  for (let part = await some(reader); part.length; part = await some(reader)) all.push(...part);
  return all.sort((a, b) => a.name.localeCompare(b.name));
}

/** Lets a person choose several, or a folder. */
export function choose(take, { folder = false } = {}) {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", multiple: true, webkitdirectory: folder, accept: folder ? "" : "image/*" });
  const hidden = ({ name }) => name.split("/").some((part) => part.startsWith("."));
  input.onchange = () => take([...input.files].map(named).filter((one) => !folder || !hidden(one)));
  input.click();
}

export const named = (file) => ({ file, name: file.webkitRelativePath || file.name });
