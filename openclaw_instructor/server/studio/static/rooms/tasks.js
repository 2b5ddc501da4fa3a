// Tasks: the owner's instructions.yaml with what is wrong in it as one types, trying a task, and what agents see.

import { get, may, post, run } from "../api.js";
import { ask, bars, choice, field, fill, h, say } from "../dom.js";
import { tuning } from "../tuning.js";

const CHECK_MS = 300;

export async function render(root, about) {
  const [{ tasks }, { file, text }, owns] = await Promise.all([get("/v1/tasks"), get("/v1/tasks/file"), may("admin")]);
  const state = { tasks, edited: [], before: text };
  const playground = trying(state, { text: () => editor.value, first: about.get("task"), changed: reload });
  const problems = h("div", { "aria-live": "polite" });
  const editor = h("textarea", { class: "code", rows: 20, spellcheck: "false", "aria-label": "instructions.yaml", oninput: later });
  editor.value = text;
  const save = h("button", { class: "main", type: "button", disabled: true, onclick: write }, "Save");
  const [extendLabel, extend] = choice("Change a packaged task", [["", "choose …"], ...tasks.map((each) => each.name)], { onchange: insert });
  let timer;

  function later() {
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_MS);
  }

  async function check() {
    const asked = editor.value;
    try {
      const found = await post("/v1/tasks/check", { text: asked });
      if (asked !== editor.value) return;
      state.edited = found.tasks;
      fill(problems, found.problems.length ? h("ul", {}, found.problems.map(problem)) : h("p", { class: "good" }, `No problems; ${found.tasks.length} ${found.tasks.length === 1 ? "task" : "tasks"} of your own.`));
      save.disabled = !owns || found.problems.length > 0 || asked === state.before;
    } catch (error) {
      fill(problems, h("p", { class: "problem" }, error.message));
    }
    playground.show();
  }

  function problem(each) {
    return h("li", { class: "problem" }, h("button", { type: "button", class: "quiet", onclick: () => select(editor, each.line ?? 1) }, `line ${each.line ?? 1}`),
      [each.key, `${each.what}; ${each.fix}`].filter(Boolean).join(": "));
  }

  function insert() {
    if (!extend.value) return;
    const start = editor.value.trim() ? editor.value.replace(/\s*$/, "\n") : "version: 1\ntasks:\n";
    const task = tasks.find((each) => each.name === extend.value);
    const example = task.kind === "classify" ? `    labels:\n      - name: ${task.labels[0]}\n        examples:\n          - "a text as it really comes in"\n` : "    enabled: true\n";
    editor.value = `${start}  ${extend.value}:\n    extends: packaged\n${example}`;
    extend.value = "";
    check();
  }

  // The file was changed by something else on this page. What is being edited stays, and is not saved over that.
  async function reload() {
    const fresh = await get("/v1/tasks/file");
    if (editor.value === state.before) editor.value = state.before = fresh.text;
    else say("the file has changed; copy your edit and open this room anew to go on with it");
    state.tasks = (await get("/v1/tasks")).tasks;
    await check();
  }

  async function write() {
    if (!(await ask(`Write ${file}? Agents get the edited tasks at once.`, "Save it"))) return;
    try {
      await post("/v1/tasks/file", { text: editor.value, before: state.before });
      state.before = editor.value;
      state.tasks = (await get("/v1/tasks")).tasks;
      say("saved; the edited tasks are in force");
      await check();
    } catch (error) {
      fill(problems, h("p", { class: "problem", role: "alert" }, error.message));
    }
  }

  root.append(h("p", { class: "hint" }, file),
    h("div", { class: "columns" },
      h("section", { "aria-label": "Your tasks" }, editor, h("div", { class: "row" }, save, extendLabel), problems, owns ? "" : h("p", { class: "hint" }, "This session may not save.")),
      playground.element));
  await check();
}

function select(editor, line) {
  const lines = editor.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  editor.focus();
  editor.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
}

// Runs a task of the registry, or as the text defines it; says what an agent's host sends for it.
function trying(state, { text, first, changed }) {
  const element = h("section", { "aria-label": "Try a task" });
  const [taskLabel, task] = choice("Task", [], { onchange: describe });
  const [inputLabel, input] = field("Arguments", { class: "code", rows: 6, wide: true, spellcheck: "false" }, "textarea");
  const about = h("div");
  const result = h("div", { "aria-live": "polite" });
  const example = h("div");
  const better = h("div");
  const known = () => new Map([...state.tasks, ...state.edited].map((each) => [each.name, each]));
  element.append(h("div", { class: "row" }, taskLabel, h("button", { type: "button", onclick: go }, "Run")), inputLabel, result, example, better, about);

  function show() {
    const names = [...known().keys()];
    const before = task.value || first;
    fill(task, names.map((name) => h("option", { value: name }, name)));
    task.value = names.includes(before) ? before : names[0];
    if (task.value !== before || !about.childElementCount) describe();
    else tell();
  }

  function describe() {
    const { tool } = known().get(task.value);
    const wanted = tool.inputSchema.required?.length ? tool.inputSchema.required : tool.inputSchema.properties.subject ? ["subject", "body"] : [];
    input.value = JSON.stringify(Object.fromEntries(wanted.map((name) => [name, sample(tool.inputSchema.properties[name])])), null, 1);
    fill(result);
    tell();
  }

  function tell() {
    const chosen = known().get(task.value);
    const sent = JSON.stringify({ name: chosen.tool.name, description: chosen.tool.description, parameters: chosen.tool.inputSchema });
    const all = [...known().values()].map((each) => JSON.stringify([each.tool.name, each.tool.description, each.tool.inputSchema]).length);
    fill(about, h("details", { open: about.querySelector("details")?.open }, h("summary", {}, `What an agent sees: about ${tokens(sent.length)} tokens`),
      h("p", { class: "hint" }, `Estimated at four characters a token; all ${all.length} tools take about ${tokens(all.reduce((a, b) => a + b, 0))}.`),
      h("p", {}, chosen.tool.description), h("pre", { class: "text", tabindex: "0" }, JSON.stringify(chosen.tool.inputSchema, null, 1))),
    Object.entries(chosen.instructions).map(([role, instruction]) => h("p", { class: "hint" }, `${role}: `, h("em", {}, instruction))));
    // Only what is saved can be given examples, or tuned.
    const saved = state.tasks.some((each) => each.name === chosen.name) && chosen.labels.length > 0;
    const offered = JSON.stringify([chosen.name, saved, chosen.labels]);
    if (example.dataset.offered === offered) return;
    example.dataset.offered = offered;
    fill(example, saved ? exampleForm(chosen, changed) : "");
    fill(better, saved ? tuning(() => chosen.name, changed) : "");
  }

  async function go() {
    fill(result, h("p", { class: "hint" }, "Running …"));
    try {
      const given = JSON.parse(input.value || "{}");
      const own = state.edited.some((each) => each.name === task.value) && text() !== state.before;
      if (known().get(task.value).effect !== "read" && !(await ask(`“${task.value}” changes something. Run it?`, "Run it"))) return fill(result);
      const answer = own ? await post("/v1/tasks/try", { task: task.value, text: text(), arguments: given }) : await run(task.value, given);
      fill(result, ranked(answer), h("pre", { class: "text", tabindex: "0" }, JSON.stringify(answer, null, 1)));
    } catch (error) {
      fill(result, h("p", { class: "problem", role: "alert" }, error.message));
    }
    return undefined;
  }

  return { element, show };
}

function ranked(answer) {
  const rows = answer.runners_up ? [...(answer.label ? [answer] : []), ...answer.runners_up].map((each) => [each.label, each.score])
    : (answer.matches ?? []).map((each) => [each.text.slice(0, 60), each.score]);
  return rows.length ? bars(rows.map(([name, score]) => [name, score, score.toFixed(3)])) : "";
}

function exampleForm(task, changed) {
  const [labelLabel, label] = choice("Label", task.labels);
  const [textLabel, text] = field("A text as it really comes in", { wide: true, required: true });
  return h("details", {}, h("summary", {}, "Add an example"), h("form", { onsubmit: async (event) => {
    event.preventDefault();
    if (!(await ask(`Write this example of ${label.value} into your instructions.yaml? Agents get the edited task at once.`, "Write it"))) return;
    try {
      const added = await post("/v1/tasks/example", { task: task.name, label: label.value, text: text.value });
      say(`added to ${added.label} in ${added.file}`);
      text.value = "";
      await changed();
    } catch (error) {
      say(error.message);
    }
  } }, labelLabel, textLabel, h("button", {}, "Add")));
}

function sample(schema) {
  if (schema.default !== undefined) return schema.default;
  if (schema.type === "array") return ["first text", "second text"];
  return schema.type === "string" ? "a text" : null;
}

const tokens = (characters) => Math.ceil(characters / 4).toLocaleString("en");
