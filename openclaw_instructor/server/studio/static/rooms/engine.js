// Engine: what the daemon is doing, from its metrics, since this page is open.

import { get } from "../api.js";
import { chart } from "../charts.js";
import { fill, h, table } from "../dom.js";

const EVERY_MS = 2_000;
const KEPT = 900;
const PREFIX = "openclaw_instructor_";

// The text format of Prometheus: name -> [{ labels, value }].
export function parse(text) {
  const found = {};
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match || !match[1].startsWith(PREFIX)) continue;
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(/([a-z]+)="((?:[^"\\]|\\.)*)"/g)].map((pair) => [pair[1], pair[2]]));
    (found[match[1].slice(PREFIX.length)] ??= []).push({ labels, value: Number(match[3]) });
  }
  return found;
}

export async function render(root) {
  const tiles = h("div", { class: "columns", "aria-live": "off" });
  const history = { time: [], tokens: [], queue: [], requests: [], memory: [] };
  const charts = {
    tokens: chart({ title: "Tokens a second", names: ["tokens/s"], data: [[], []], time: true, x: "", y: "" }),
    queue: chart({ title: "Texts that wait", names: ["texts"], data: [[], []], time: true, x: "", y: "" }),
    requests: chart({ title: "Requests a second", names: ["requests/s"], data: [[], []], time: true, x: "", y: "" }),
    memory: chart({ title: "Memory in MB", names: ["MB"], data: [[], []], time: true, x: "", y: "" }),
  };
  const calls = h("div");
  root.append(tiles, h("div", { class: "columns" }, Object.values(charts).map((each) => each.element)), calls);
  let before;

  async function look() {
    const [text, health] = await Promise.all([get("/metrics"), get("/health")]);
    const now = Date.now() / 1000;
    const metrics = parse(text);
    const one = (name) => sum(metrics[name]);
    const counted = { now, tokens: one("model_tokens_total"), requests: one("requests_total") };
    const rate = (name) => before ? Math.max(0, (counted[name] - before[name]) / (now - before.now)) : 0;
    const point = { time: now, tokens: rate("tokens"), queue: one("queue_texts"), requests: rate("requests"), memory: one("resident_memory_bytes") / 1e6 };
    for (const [name, values] of Object.entries(history)) {
      values.push(point[name]);
      if (values.length > KEPT) values.shift();
    }
    before = counted;
    for (const [name, each] of Object.entries(charts)) each.set([history.time, history[name]]);
    show(tiles, health, one);
    fill(calls, h("h2", {}, "Requests by tool"), byTool(metrics.tool_calls_total ?? []));
  }

  await look();
  let failed = 0;
  const timer = setInterval(async () => {
    try {
      await look();
      failed = 0;
    } catch (error) {
      if (++failed === 3) fill(tiles, h("p", { class: "problem", role: "alert" }, error.message));
    }
  }, EVERY_MS);
  return () => clearInterval(timer);
}

function show(tiles, health, one) {
  const hits = one("cache_hits_total");
  const looked = hits + one("cache_misses_total");
  const passes = one("model_passes_total");
  const [tokens, busy] = [one("model_tokens_total"), one("model_busy_seconds_total")];
  const facts = [
    ["Model", health.checkpoint ?? "", health.model?.loading ? "is loading" : health.model?.loaded ? "in memory" : "not in memory; the next text loads it"],
    ["Up for", duration(health.uptime_seconds ?? 0), `version ${health.version ?? ""}`],
    ["Passes", passes.toLocaleString("en"), passes ? `${(tokens / passes).toFixed(0)} tokens each, ${Math.round(one("batch_fill_ratio") * 100)}% full` : "none yet"],
    ["Cache", looked ? `${Math.round((100 * hits) / looked)}%` : "–", `${hits.toLocaleString("en")} of ${looked.toLocaleString("en")} texts found`],
    ["Speed", busy ? `${Math.round(tokens / busy).toLocaleString("en")} tokens/s` : "–", `${tokens.toLocaleString("en")} tokens in ${duration(busy)} of work`],
    ["Refused", one("embedding_requests_refused_total").toLocaleString("en"), "because the queue was full"],
  ];
  fill(tiles, facts.map(([name, value, more]) => h("section", { class: "card", "aria-label": name },
    h("p", { class: "soft" }, name), h("p", {}, h("strong", {}, value)), h("p", { class: "hint" }, more))));
}

function byTool(calls) {
  const tools = new Map();
  for (const { labels, value } of calls) {
    const row = tools.get(labels.task) ?? { task: labels.task, ok: 0, failed: [] };
    if (labels.outcome === "ok") row.ok += value;
    else row.failed.push(`${labels.outcome} ${value}`);
    tools.set(labels.task, row);
  }
  if (!tools.size) return h("p", { class: "hint" }, "No tool was called since the daemon started.");
  return table([["Tool", (row) => row.task], ["Answered", (row) => row.ok.toLocaleString("en"), true], ["Failed", (row) => row.failed.join(", ")]], [...tools.values()], "Requests by tool");
}

const sum = (rows) => (rows ?? []).reduce((total, row) => total + row.value, 0);

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(0)} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(0)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
