// Inbox: files of mail, their labels with what speaks for them, the unsure first, and one key to correct one.

import { get, post, stream } from "../api.js";
import { bars, choice, fill, h, longText, say } from "../dom.js";
import { dropped, picked, sorted } from "../mailfiles.js";
import { measuring } from "../measures.js";

// Keys that choose a label; j and k go on, u takes back.
const KEYS = "abcdefghilmnopqrstvwxyz";
const SHOWN = 500;
// Files that are sent together: most of the time of a small mail is the way to the daemon and back.
const AT_ONCE = 3;

export async function render(root) {
  const { tasks } = await get("/v1/tasks");
  const sorting = tasks.filter((each) => each.kind === "classify");
  if (!sorting.length) {
    root.append(h("p", {}, "No task of kind classify is in force."));
    return undefined;
  }
  const [taskLabel, task] = choice("Task", sorting.map((each) => each.name));
  const inbox = mailbox(() => sorting.find((each) => each.name === task.value));
  const measures = measuring(() => task.value);
  root.append(h("div", { class: "row" }, taskLabel), inbox.element, measures);
  document.addEventListener("keydown", inbox.onKey);
  return () => document.removeEventListener("keydown", inbox.onKey);
}

function mailbox(task) {
  const state = { rows: [], chosen: null, taught: [], shown: SHOWN };
  const list = h("ul", { class: "list", "aria-label": "Messages, the unsure first" });
  const detail = h("div", { "aria-live": "polite" });
  const count = h("p", { class: "hint", role: "status" });
  const unread = h("div", { "aria-live": "polite" });
  const file = h("input", { type: "file", multiple: true, "aria-label": "Files of mail or texts", onchange: () => take(picked(file.files)) });
  const folder = h("input", { type: "file", webkitdirectory: true, "aria-label": "A folder of mail", onchange: () => take(picked(folder.files)) });
  const drop = h("div", { class: "drop" }, h("p", {}, "Drop mail or a folder here: .eml, .mbox, .msg, a Maildir, or a table (.csv, .jsonl)"),
    h("div", { class: "row" }, h("label", {}, "Files", file), h("label", {}, "A folder, with all below it", folder)));
  for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(event, (moved) => {
      moved.preventDefault();
      drop.classList.toggle("over", over);
      if (event === "drop") take(dropped(moved.dataTransfer));
    });
  }

  // One file that cannot be read costs the others nothing.
  async function take(given) {
    const [files, skipped] = await sorted(await given);
    let done = 0;
    const waiting = files.slice();
    const read = async () => {
      for (let each = waiting.shift(); each; each = waiting.shift()) {
        try {
          const asked = new URLSearchParams({ task: task().name, name: each.name });
          await stream(`/v1/messages?${asked}`, each.file, (line) => {
            if (line.result) state.rows.push({ ...line, file: each.path });
            else if (line.left_out) skipped.push({ path: each.path, reason: line.left_out });
          });
        } catch (error) {
          skipped.push({ path: each.path, reason: error.message });
        }
        fill(count, `Reading: ${++done} of ${files.length} files`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, read));
    state.rows.sort((a, b) => sureness(a) - sureness(b));
    state.chosen ??= state.rows[0];
    fill(unread, skipped.length ? left(skipped) : "");
    show();
  }

  function show() {
    const unsure = state.rows.filter((row) => row.result.label === null && !row.taught).length;
    fill(count, `${state.rows.length} messages, ${unsure} without a label, ${state.taught.length} corrected`);
    fill(list, state.rows.slice(0, state.shown).map((row) => h("li", {}, h("button", {
      type: "button", class: "pick", "aria-pressed": String(row === state.chosen), onclick: () => { state.chosen = row; show(); },
    }, h("span", {}, title(row)), h("span", { class: row.taught ? "tag strong" : row.result.label ? "tag" : "tag warn" },
      row.taught ? `✓ ${row.taught.label}` : row.result.label ?? "?", row.taught ? "" : ` ${row.result.score.toFixed(2)}`)))),
    state.rows.length > state.shown && h("li", {}, h("button", { type: "button", onclick: () => { state.shown += SHOWN; show(); } }, `${state.rows.length - state.shown} more`)));
    fill(detail, state.chosen ? message(state.chosen, task(), teach, undo) : "");
  }

  async function teach(row, label) {
    try {
      if (row.taught) await post("/v1/corrections/undo", { id: row.taught.correction });
      const taught = await post("/v1/corrections", { task: task().name, label, message: row.message });
      row.taught = taught;
      state.taught = [...state.taught.filter((each) => each !== row), row];
      say(`${label}: ${taught.contradictions.length ? "learned, but other examples contradict it" : "learned"}; u takes it back`);
      step(1);
    } catch (error) {
      say(error.message);
    }
  }

  async function undo() {
    const row = state.taught.pop();
    if (!row) return;
    await post("/v1/corrections/undo", { id: row.taught.correction });
    say(`took back ${row.taught.label}`);
    row.taught = undefined;
    state.chosen = row;
    show();
  }

  function step(by) {
    const place = state.rows.indexOf(state.chosen) + by;
    if (state.rows[place]) state.chosen = state.rows[place];
    show();
    list.querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest" });
  }

  function onKey(event) {
    if (!state.rows.length || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "u") undo();
    else {
      const label = event.key.length === 1 ? task().labels[KEYS.indexOf(event.key)] : undefined;
      if (label && state.chosen?.message) teach(state.chosen, label);
    }
  }

  return { element: h("section", {}, drop, count, unread, h("div", { class: "two" }, list, detail)), onKey };
}

function left(skipped) {
  return h("details", { class: "card" }, h("summary", {}, `${skipped.length} files or parts were skipped, and why`),
    h("ul", {}, skipped.slice(0, SHOWN).map(({ path, reason }) => h("li", {}, `${path}: ${reason}`)),
      skipped.length > SHOWN && h("li", {}, `and ${skipped.length - SHOWN} more`)));
}

// Without a label first, then the least sure.
const sureness = (row) => (row.result.label === null ? 0 : 1) + (row.result.margin ?? 0);

const title = (row) => row.message?.subject || row.message?.text?.slice(0, 80) || `message ${row.place + 1} of ${row.file}`;

function message(row, task, teach, undo) {
  const { result, nearest, message: mail } = row;
  const ranked = result.label === null ? result.runners_up ?? [] : [{ label: result.label, score: result.score }, ...(result.runners_up ?? [])];
  return h("article", { class: "card" },
    h("h2", {}, title(row)),
    h("p", { class: "hint" }, [mail.from, row.date, row.file].filter(Boolean).join(" · ")),
    result.reason && h("p", { class: "problem" }, `No label: ${result.reason}`),
    bars(ranked.map((each, place) => [each.label, each.score, each.score.toFixed(3), place ? "second" : ""])),
    h("div", { class: "row", role: "group", "aria-label": "Correct the label" }, task.labels.map((label, place) =>
      h("button", { type: "button", onclick: () => teach(row, label), class: row.taught?.label === label ? "main" : "" },
        label, " ", KEYS[place] && h("kbd", {}, KEYS[place]))),
    row.taught && h("button", { type: "button", class: "quiet", onclick: undo }, "Undo ", h("kbd", {}, "u"))),
    row.taught?.contradictions?.map((each) => h("p", { class: "problem" }, `nearly the same text is ${each.label} (${each.similarity})`)),
    result.evidence?.length ? [h("h3", {}, "Evidence"), h("ul", {}, result.evidence.map((each) => h("li", {}, said(each))))] : "",
    result.notes?.length ? h("ul", {}, result.notes.map((note) => h("li", {}, note))) : "",
    nearest.length ? [h("h3", {}, "Nearest examples"), h("ul", {}, nearest.map((each) =>
      h("li", {}, h("span", { class: "tag" }, each.label), ` ${each.similarity.toFixed(2)} · ${each.example}`, each.correction ? " (taught)" : "")))] : "",
    h("h3", {}, "Text"), longText(mail.body ?? mail.text ?? ""));
}

const said = ({ says, for: labels, weight }) => `${weight > 0 ? "+" : ""}${weight.toFixed(1)} for ${labels.join(", ")}: ${says}`;
