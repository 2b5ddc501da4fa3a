// Files of mail and texts out of what is dropped or picked: files, mailboxes, and whole folders with what lies below.

const READ = [".eml", ".emlx", ".msg", ".mbox", ".mbx", ".csv", ".tsv", ".jsonl", ".ndjson", ".txt", ".md", ".text"];
// In a Maildir every file of these folders is a mail, without a suffix.
const MAILDIR = new Set(["cur", "new"]);
const MOST_BYTES = 70 * 1024 * 1024;
const HEAD = 64;

const suffix = (name) => (name.includes(".") ? name.slice(name.lastIndexOf(".")).toLowerCase() : "");

// What is dropped has to be taken before the event ends; folders are read afterwards.
export function dropped(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  return below(entries.filter(Boolean));
}

export function picked(files) {
  return [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

async function below(entries, folder = "") {
  const found = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push({ file: entry, path: entry.name });
    else if (entry.isDirectory) found.push(...(await below(await children(entry), `${folder}${entry.name}/`)));
    else found.push(await new Promise((resolve) => entry.file(
      (file) => resolve({ file, path: folder + entry.name }),
      (error) => resolve({ path: folder + entry.name, reason: error.message }))));
  }
  return found;
}

// A folder gives its entries a hundred at a time, until it gives none.
async function children(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return found.sort((a, b) => a.name.localeCompare(b.name));
    found.push(...some);
  }
}

// [what to send as which name, what is skipped and why]
export async function sorted(found) {
  const [taken, skipped] = [[], []];
  for (const each of found) {
    const kind = each.reason ? undefined : await kindOf(each);
    if (kind) taken.push({ ...each, name: kind });
    else skipped.push({ path: each.path, reason: each.reason ?? why(each) });
  }
  return [taken, skipped];
}

const parts = (path) => path.split("/");
const hidden = (path) => parts(path).some((part) => part.startsWith("."));

async function kindOf({ file, path }) {
  if (!file.size || file.size > MOST_BYTES) return undefined;
  const inMaildir = MAILDIR.has(parts(path).at(-2));
  if (hidden(path) && !inMaildir) return undefined;
  if (READ.includes(suffix(file.name))) return file.name;
  if (inMaildir) return "mail.eml";
  // Thunderbird and Unix keep mailboxes without a suffix.
  return (await file.slice(0, HEAD).text()).startsWith("From ") ? "mail.mbox" : undefined;
}

function why({ file, path }) {
  if (!file.size) return "it is empty";
  if (file.size > MOST_BYTES) return `it has ${Math.round(file.size / 1024 / 1024)} MB, and the limit is ${MOST_BYTES / 1024 / 1024}`;
  if (hidden(path)) return "it is hidden";
  return `${suffix(file.name) || "a file without a suffix"} is no mail and no table`;
}
