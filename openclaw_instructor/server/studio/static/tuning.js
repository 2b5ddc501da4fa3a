// What would make a classify task better: set-ups compared on a table with labels, and the winner put in force.

import { may, post, stream } from "./api.js";
import { chart } from "./charts.js";
import { ask, field, fill, h, say, table } from "./dom.js";
import { progressBar } from "./progress.js";

const share = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));

// `task()` names the task; `applied()` is called when the owner's file has changed.
export function tuning(task, applied) {
  let stop = new AbortController();
  const file = h("input", { type: "file", accept: ".csv,.tsv,.jsonl,.ndjson", "aria-label": "Table to tune on" });
  const [instructionLabel, instruction] = field("Another instruction to compare", { wide: true, placeholder: "Represent the e-mail for …:" });
  const wait = progressBar(() => stop.abort());
  const result = h("div", { "aria-live": "polite" });
  const compare = h("button", { type: "button", onclick: run }, "Compare set-ups");

  async function run() {
    if (!file.files.length) {
      fill(result, h("p", { class: "problem" }, "Choose a table with a column of texts and one of labels first."));
      return;
    }
    stop = new AbortController();
    compare.disabled = true;
    fill(result);
    wait.show(0, 0, "reading the table");
    const asked = new URLSearchParams({ task: task(), name: file.files[0].name, instruction: instruction.value });
    try {
      let found;
      await stream(`/v1/tasks/tune?${asked}`, file.files[0], (line) => {
        if (line.progress) wait.show(line.progress[0], line.progress[1], `set-up ${line.progress[0] + 1} of ${line.progress[1]}: ${line.progress[2]}`);
        else found = line;
      }, stop.signal);
      fill(result, report(found, await may("admin"), () => put(found)));
    } catch (error) {
      fill(result, error.name === "AbortError" ? h("p", { class: "hint" }, "Cancelled; nothing was changed.") : h("p", { class: "problem", role: "alert" }, error.message));
    }
    wait.hide();
    compare.disabled = false;
  }

  async function put(found) {
    const what = [Object.keys(found.changes).length && `write ${Object.keys(found.changes).join(", ")} of ${found.task} into ${found.file}`, found.teaches && `teach ${found.teaches} texts of the table as corrections`].filter(Boolean).join(", and ");
    if (!(await ask(`This will ${what}. Do it?`, "Apply it"))) return;
    try {
      const { done } = await post("/v1/tasks/tune/apply", { id: found.id });
      say("applied; the task answers so from now on");
      fill(result, h("p", { class: "good" }, done.join("; ")));
      applied?.();
    } catch (error) {
      result.append(h("p", { class: "problem", role: "alert" }, error.message));
    }
  }

  return h("details", {}, h("summary", {}, "Tune it on a table"),
    h("p", { class: "hint" }, "Instructions, descriptions, teaching and thresholds are compared by cross-validation on a table with labels. Nothing is changed until you apply it."),
    h("div", { class: "row" }, file, instructionLabel, compare), wait.element, result);
}

function report(found, owns, apply) {
  const now = found.setups.find((row) => row.now);
  const best = found.setups.find((row) => row.winner);
  const changes = Object.entries(found.changes);
  const thresholds = found.thresholds.filter((row) => row.accuracy !== null);
  return h("section", { "aria-label": "Set-ups" },
    table([
      ["", (row) => row[0]], ["Before", (row) => row[1]], ["After", (row) => row[2]],
    ], [
      ["Macro-F1", `${share(now.macro_f1)} ± ${share(now.noise)}`, `${share(best.macro_f1)} ± ${share(best.noise)}`],
      ["Accuracy", share(now.accuracy), share(best.accuracy)],
      ["Instruction", now.instruction, best.instruction],
      ["Descriptions", yes(now.descriptions), yes(best.descriptions)],
      ["Taught with the table", yes(now.taught), yes(best.taught)],
      ["No label below", String(found.abstain_below.now), String(found.abstain_below.best)],
    ], "Before and after"),
    changes.length || found.teaches
      ? h("p", {}, owns ? h("button", { type: "button", class: "main", onclick: apply }, "Apply what won") : "This session may not change tasks.")
      : h("p", { class: "hint" }, "Nothing beats what is in force by twice the noise; it stays."),
    h("details", {}, h("summary", {}, `All ${found.setups.length} set-ups, and the thresholds`),
      table([
        ["", (row) => row.winner ? "best" : row.now ? "now" : ""], ["Instruction", (row) => row.instruction],
        ["Descriptions", (row) => yes(row.descriptions)], ["Taught", (row) => yes(row.taught)],
        ["Macro-F1", (row) => `${share(row.macro_f1)} ± ${share(row.noise)}`, true], ["Accuracy", (row) => share(row.accuracy), true],
      ], found.setups, "All set-ups"),
      chart({
        title: `Thresholds: best ${found.abstain_below.best}, now ${found.abstain_below.now}`, names: ["answered", "right of these"],
        data: [thresholds.map((row) => row.abstain_below), thresholds.map((row) => row.coverage), thresholds.map((row) => row.accuracy)],
        x: "no label below", y: "share", yRange: [0, 1.02],
      }).element),
    found.left_out.map((each) => h("p", { class: "hint" }, `${each.count} left out: ${each.reason}`)));
}

const yes = (value) => (value ? "yes" : "no");
