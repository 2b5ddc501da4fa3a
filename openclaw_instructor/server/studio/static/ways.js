// One way to ask a question: a task, a mode, the instruction of the question, and a checkpoint.

import { post, run, stream } from "./api.js";
import { choice, field, fill, h } from "./dom.js";

const MODES = [["hybrid", "meaning and words"], ["vector", "meaning"], ["keyword", "words"]];
const FOLDER = "\u0000folder";

export function wayToAsk(tasks, name, { writes, owns }) {
  const [taskLabel, task] = choice(`Task ${name}`, tasks.map((each) => each.name));
  const [modeLabel, mode] = choice(`By ${name}`, [["", "the task's own"], ...MODES]);
  const [checkpointLabel, checkpoint] = choice(`Checkpoint ${name}`, [["", "the one in use"]], { onchange: showFolder });
  const [folderLabel, folder] = field(`Folder of checkpoint ${name}`, { placeholder: "/home/me/my-checkpoint", wide: true });
  const [instructionLabel, instruction] = field(`Instruction of the question ${name}`, { rows: 2, wide: true }, "textarea");
  const hint = h("p", { class: "hint" });
  const chosen = () => tasks.find((each) => each.name === task.value);
  const own = () => chosen().instructions.query;
  const reset = () => { instruction.value = own(); };
  task.addEventListener("change", reset);
  reset();
  showFolder();

  function showFolder() {
    folderLabel.hidden = checkpoint.value !== FOLDER;
  }

  // What is on this machine; one that was trained here is named by its folder, by whoever owns the disk.
  function offer(checkpoints) {
    const used = checkpoints.find((each) => each.used);
    const others = checkpoints.filter((each) => !each.used);
    fill(checkpoint, h("option", { value: "" }, `the one in use${used ? ` (${used.name})` : ""}`),
      others.map((each) => h("option", { value: each.name }, `${each.name} · ${each.megabytes.toLocaleString("en")} MB`)),
      owns && h("option", { value: FOLDER }, "a folder …"));
    fill(hint, others.length || owns ? "" : ["No other checkpoint is on this machine; ", h("code", {}, "openclaw-instructor model pull NAME"), " gets one."]);
  }

  const given = (shared) => (mode.value ? { ...shared, mode: mode.value } : shared);
  const changes = () => instruction.value.trim() === own() ? {} : { instructions: { query: instruction.value, document: chosen().instructions.document } };
  const other = () => (checkpoint.value === FOLDER ? folder.value.trim() : checkpoint.value);

  // Under another checkpoint the passages are read anew, which may take a while: `place` says how far it is.
  async function under(shared, expect, place) {
    const stop = new AbortController();
    const bar = h("progress", { "aria-label": `Reading for ${name}` });
    const what = h("p", { class: "hint" }, `Loading ${other()} …`);
    fill(place, bar, what, h("button", { type: "button", onclick: () => stop.abort() }, "Cancel"));
    let last;
    const asked = { checkpoint: other(), task: task.value, arguments: given(shared), changes: changes(), ...(expect && { expect }) };
    try {
      await stream("/v1/checkpoints/search", asked, (line) => {
        if (!line.progress) return void (last = line);
        const [done, total, message] = line.progress;
        Object.assign(bar, { max: total || 1, value: done });
        fill(what, message);
      }, stop.signal);
    } catch (error) {
      throw error.name === "AbortError" ? new Error("cancelled") : error;
    }
    return last;
  }

  function search(shared, place) {
    if (other()) return under(shared, "", place);
    const changed = changes();
    if (!changed.instructions) return run(task.value, given(shared));
    return post("/v1/tasks/try", { task: task.value, arguments: given(shared), changes: changed });
  }

  async function inspect(shared, file, place) {
    if (other()) return (await under(shared, file, place)).inspected;
    return post("/v1/index/inspect", { task: task.value, arguments: given(shared), expect: file, changes: changes() });
  }

  return {
    name,
    box: h("div", { class: "card" }, h("div", { class: "row" }, taskLabel, modeLabel, writes && checkpointLabel, folderLabel), instructionLabel, hint),
    offer,
    search,
    inspect,
  };
}
