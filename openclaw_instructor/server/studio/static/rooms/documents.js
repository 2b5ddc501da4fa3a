// Documents: the collections with what is in them and what is due, their files, and a file's passages as they were cut.

import { get, may, post, stream } from "../api.js";
import { ask, bars, choice, field, fileName, fill, h, longText, say, table } from "../dom.js";
import { progressBar } from "../progress.js";

const SHOWN = 200;

export async function render(root, about) {
  if (about.get("file")) return passages(root, about);
  const [writes, owns] = await Promise.all([may("write"), may("admin")]);
  const list = h("div", { class: "columns" });
  const files = h("section", { "aria-live": "polite" });
  const reload = async () => {
    const { collections } = await get("/v1/index");
    fill(list, collections.map((each) => card(each, { writes, owns, reload, open: () => showFiles(files, each.name) })));
    if (!collections.length) list.append(h("p", { class: "hint" }, "Nothing is indexed yet. Add a folder below; its files are only read."));
  };
  await reload();
  root.append(list, addForm(owns, reload), files);
  if (about.get("collection")) showFiles(files, about.get("collection"));
}

function card(known, { writes, owns, reload, open }) {
  const progress = h("div", { "aria-live": "polite" });
  const total = known.files ?? known.documents;
  const sync = h("button", { type: "button", class: known.stale ? "main" : "", disabled: !writes, onclick: async () => {
    sync.disabled = true;
    await follow(known.name, progress);
    await reload();
  } }, "Sync");
  async function drop(what, folder) {
    if (!(await ask(`Remove ${what} from the index? Its files stay where they are.`, "Remove it"))) return;
    await attempt(progress, async () => {
      await post("/v1/index/remove", { name: known.name, ...(folder && { folder }) });
      say(`removed ${folder ?? known.name}`);
      await reload();
    });
  }
  const remove = h("button", { type: "button", disabled: !owns, onclick: () => drop(`the collection “${known.name}”`) }, "Remove");
  const many = owns && known.folders.length > 1;
  return h("section", { class: "card", "aria-label": known.name },
    h("div", { class: "head" }, h("h2", {}, known.name), freshness(known)),
    bars([["read", total ? known.documents / total : 0, `${count(known.documents)} of ${count(total)} files`]]),
    h("p", { class: "hint" }, `${count(known.chunks)} passages`,
      known.skipped ? ` · ${count(known.skipped)} skipped` : "",
      known.other_types ? ` · ${count(known.other_types)} of other types` : "",
      known.synced_at ? ` · synced ${new Date(known.synced_at).toLocaleString()}` : " · never synced",
      known.watched ? ` · watched: ${known.watched}` : ""),
    known.reason && h("p", { class: "hint" }, known.reason),
    h("ul", {}, known.folders.map((folder) => h("li", {}, folder, many && h("button", {
      type: "button", class: "quiet", "aria-label": `Remove the folder ${folder}`, onclick: () => drop(`the folder ${folder} of “${known.name}”`, folder),
    }, "remove")))),
    h("p", { class: "hint" }, "Instruction: ", h("em", {}, known.instruction.trim() || "none")),
    h("div", { class: "row" }, sync, h("button", { type: "button", onclick: open }, "Files"), remove),
    progress);
}

function freshness(known) {
  if (!known.synced_at) return h("span", { class: "tag warn" }, "not read yet");
  if (!known.stale) return h("span", { class: "tag strong" }, "up to date");
  return h("span", { class: "tag warn" }, known.changed ? `${count(known.changed)} changed` : "a sync is due");
}

async function attempt(place, work) {
  try {
    await work();
  } catch (error) {
    fill(place, h("p", { class: "problem", role: "alert" }, error.message));
  }
}

// Runs a sync and shows how far it is: bytes of changed files. What is done when it is cancelled stays done.
async function follow(name, place) {
  const stop = new AbortController();
  const wait = progressBar(() => stop.abort());
  fill(place, wait.element);
  wait.show(0, 0, `comparing the files of ${name}`);
  await attempt(place, async () => {
    try {
      await stream("/v1/index/sync", { name }, (line) => {
        if (line.progress) return wait.show(...line.progress);
        const [report] = line.collections;
        say(`${name}: ${report.added} added, ${report.changed} changed, ${report.removed} removed, ${report.skipped.length} skipped, ${line.seconds.toFixed(1)} s`);
        if (report.error) throw new Error(report.error);
        return undefined;
      }, stop.signal);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      say(`${name}: cancelled; what was read so far stays, and the next sync goes on`);
    }
  });
  wait.hide();
}

function addForm(owns, reload) {
  if (!owns) return h("p", { class: "hint" }, "This session may not add or remove folders; open the studio with ", h("code", {}, "--may admin"), ".");
  const [nameLabel, name] = field("Collection", { value: "docs", required: true });
  const [folderLabel, folder] = field("Folder or file, its whole path", { placeholder: "/home/me/notes", required: true, wide: true });
  const [includeLabel, include] = field("Only (patterns)", { placeholder: "*.md" });
  const [excludeLabel, exclude] = field("Not (patterns)", { placeholder: "drafts/" });
  const said = h("div", { "aria-live": "polite" });
  const patterns = (input) => input.value.split(",").map((each) => each.trim()).filter(Boolean);
  return h("details", { class: "card" }, h("summary", {}, "Add a folder"),
    h("form", { onsubmit: async (event) => {
      event.preventDefault();
      if (!(await ask(`Read ${folder.value} into the collection “${name.value}”? Agents then find what is in its files.`, "Read it"))) return;
      attempt(said, async () => {
        const added = { name: name.value, folders: [folder.value], include: patterns(include), exclude: patterns(exclude) };
        await post("/v1/index/add", added);
        fill(said);
        await reload();
        await follow(name.value, said);
        await reload();
      });
    } }, nameLabel, folderLabel, includeLabel, excludeLabel, h("button", { class: "main" }, "Add and read")), said);
}

async function showFiles(place, name) {
  fill(place, h("p", { class: "hint" }, "Comparing the files …"));
  await attempt(place, async () => {
    const { files } = await get(`/v1/index/files?${new URLSearchParams({ name })}`);
    const counts = new Map();
    for (const file of files) counts.set(file.state, (counts.get(file.state) ?? 0) + 1);
    const rows = h("div");
    const [stateLabel, state] = choice("State", [["", `all (${count(files.length)})`], ...[...counts].map(([each, number]) => [each, `${each} (${count(number)})`])], { onchange: show });
    const [wordLabel, word] = field("In the path", { type: "search", oninput: show });
    function show() {
      const chosen = files.filter((file) => (!state.value || file.state === state.value) && file.file.toLowerCase().includes(word.value.toLowerCase()));
      fill(rows, table([
        ["File", (file) => file.passages ? link(file, name) : file.file],
        ["State", (file) => h("span", { class: file.state === "indexed" ? "tag" : "tag warn" }, file.state)],
        ["Passages", (file) => count(file.passages), true],
        ["Why", (file) => file.reason],
      ], chosen.slice(0, SHOWN), `Files of ${name}`),
      chosen.length > SHOWN && h("p", { class: "hint" }, `${count(chosen.length - SHOWN)} more; narrow the list`));
    }
    fill(place, h("h2", {}, `Files of ${name}`), h("div", { class: "row" }, stateLabel, wordLabel), rows);
    show();
  });
}

const link = (file, collection) =>
  h("a", { href: `#documents?${new URLSearchParams({ file: file.file, collection })}` }, file.file);

async function passages(root, about) {
  const [file, collection, at] = ["file", "collection", "at"].map((name) => about.get(name));
  const list = h("ol", { class: "list" });
  const found = await page(0);
  const more = h("button", { type: "button", onclick: async () => {
    await page(list.children.length);
    showMore();
  } });
  const [name, folder] = fileName(found.file);

  async function page(from) {
    const asked = new URLSearchParams({ file, from, ...(collection && { name: collection }) });
    const got = await get(`/v1/index/passages?${asked}`);
    for (const each of got.passages) {
      const here = each.location === at;
      const shown = h("li", {}, h("article", { class: "card", "aria-current": here ? "true" : undefined },
        h("div", { class: "head" }, h("h3", {}, each.location), here && h("span", { class: "tag strong" }, "the hit")),
        h("p", { class: "hint" }, [each.heading, each.context].filter(Boolean).join(" · ")),
        longText(each.text)));
      list.append(shown);
      if (here) requestAnimationFrame(() => shown.scrollIntoView({ block: "center" }));
    }
    return got;
  }

  const left = () => found.count - list.children.length;
  const showMore = () => { more.hidden = left() <= 0; fill(more, `${count(left())} more passages`); };
  showMore();
  root.append(
    h("p", {}, h("a", { href: `#documents?${new URLSearchParams({ collection: found.collection })}` }, `Files of ${found.collection}`)),
    h("h2", {}, name), h("p", { class: "hint" }, `${folder} · ${count(found.count)} passages · ${new Date(found.modified).toLocaleString()}`),
    found.notes.map((note) => h("p", { class: "problem" }, note)),
    Object.entries(found.metadata).length ? h("p", { class: "hint" }, Object.entries(found.metadata).map(([key, value]) => `${key}: ${value}`).join(" · ")) : "",
    list, more);
}

const count = (number) => (number ?? 0).toLocaleString("en");
