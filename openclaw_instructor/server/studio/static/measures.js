// How well a classify task does on a table with labels: curves, confusions, worst mistakes, and corrections.

import { get, post, upload } from "./api.js";
import { chart } from "./charts.js";
import { fill, h, table } from "./dom.js";

export function measuring(task) {
  const result = h("div", { "aria-live": "polite" });
  const file = h("input", { type: "file", accept: ".csv,.tsv,.jsonl,.ndjson", "aria-label": "Table with labels" });
  const asked = (more) => new URLSearchParams({ task: task(), name: file.files[0].name, ...more });

  async function work(button, what) {
    if (!file.files.length) {
      fill(result, h("p", { class: "problem" }, "Choose a table with a column of texts and one of labels first."));
      return;
    }
    button.disabled = true;
    fill(result, h("progress", { "aria-label": "Measuring" }));
    try {
      fill(result, await what());
    } catch (error) {
      fill(result, h("p", { class: "problem", role: "alert" }, error.message));
    }
    button.disabled = false;
  }

  const evaluate = h("button", { type: "button", onclick: () => work(evaluate, async () =>
    evaluation(await upload(`/v1/tasks/evaluate?${asked()}`, file.files[0]))) }, "Measure");
  const corrected = h("button", { type: "button", onclick: () => showCorrections(corrected) }, "What was corrected");

  async function showCorrections(button) {
    button.disabled = true;
    const report = await get(`/v1/corrections?${new URLSearchParams({ task: task() })}`);
    fill(result, corrections(report, () => showCorrections(button)));
    button.disabled = false;
  }

  return h("details", { class: "card" }, h("summary", {}, "How well does it do?"),
    h("p", { class: "hint" }, "On a table with labels (.csv, .jsonl), as the task answers now; nothing is changed."),
    h("div", { class: "row" }, file, evaluate, corrected), result,
    h("p", { class: "hint" }, h("a", { href: "#tasks", onclick: (event) => { event.preventDefault(); location.hash = `tasks?${new URLSearchParams({ task: task() })}`; } }, "What would do better"), ": tune the task under Tasks."));
}

const share = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));

function evaluation(found) {
  const bins = found.reliability.filter((row) => row.count);
  const x = [0, ...bins.map((row) => row.mean_score), 1];
  return h("section", { "aria-label": "Measures" },
    h("p", {}, `${found.count} texts · accuracy ${share(found.accuracy)} ± ${share(found.accuracy_noise)} · macro-F1 ${share(found.macro_f1)} · answered ${Math.round(found.coverage * 100)}%, of these right ${share(found.accuracy_of_answered)}`),
    h("div", { class: "columns" },
      chart({
        title: `Reliability: calibration error ${share(found.calibration_error)}`, names: ["share right", "ideal"], points: true,
        data: [x, [null, ...bins.map((row) => row.accuracy), null], x],
        x: "score", y: "right", xRange: [0, 1], yRange: [0, 1.02],
      }).element,
      chart({
        title: "Accuracy of the surest", names: ["share right"], points: true,
        data: [found.by_coverage.map((row) => row.coverage), found.by_coverage.map((row) => row.accuracy)],
        x: "share answered", y: "right", xRange: [0, 1.02], yRange: [0, 1.02],
      }).element),
    confusion(found),
    found.mistakes.length ? [h("h3", {}, "Worst mistakes"), table([
      ["Truth", (row) => row.truth], ["Taken for", (row) => row.answered], ["Score", (row) => row.score.toFixed(2), true],
      ["Text", (row) => row.text],
      ["Nearest example", (row) => row.nearest.length ? `${row.nearest[0].label}: ${row.nearest[0].example} (${row.nearest[0].similarity})` : ""],
    ], found.mistakes, "Worst mistakes")] : "",
    found.left_out.map((each) => h("p", { class: "hint" }, `${each.count} left out: ${each.reason}`)));
}

// Rows are the truth, columns what it was taken for.
function confusion(found) {
  const labels = found.labels.map((row) => row.label);
  const times = new Map(found.confusions.map((row) => [`${row.truth}\n${row.answered}`, row.count]));
  for (const row of found.labels) times.set(`${row.label}\n${row.label}`, row.right);
  return [h("h3", {}, "Confusions"), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusions" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "truth \\ answer"), labels.map((label) => h("th", { scope: "col", class: "number" }, label)))),
    h("tbody", {}, found.labels.map((row) => h("tr", {}, h("th", { scope: "row" }, `${row.label} (F1 ${share(row.f1)})`), labels.map((label) => {
      const count = times.get(`${row.label}\n${label}`) ?? 0;
      return h("td", { class: count ? "number deep" : "number" }, count || "·");
    }))))))];
}

function corrections(report, again) {
  const kept = report.corrections.filter((each) => !each.ended);
  return h("section", { "aria-label": "Corrections" },
    h("p", {}, `${report.in_force} corrections and ${report.rules} rules are in force.`),
    report.drift.map((sentence) => h("p", {}, sentence)),
    report.confusions.length ? table([["Answered", (row) => row.answered ?? "no label"], ["Right", (row) => row.right], ["Times", (row) => row.count, true]], report.confusions, "What was corrected into what") : "",
    kept.length ? table([
      ["Label", (row) => row.label], ["Text", (row) => row.text.slice(0, 120)], ["Answered", (row) => row.answered ?? "no label"], ["", (row) =>
        h("button", { type: "button", onclick: async () => { await post("/v1/corrections/undo", { id: row.id }); again(); } }, "Undo")],
    ], kept.slice(-100).reverse(), "Corrections in force") : "");
}
