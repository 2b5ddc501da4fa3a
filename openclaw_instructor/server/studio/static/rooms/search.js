// Search: a question, its hits with what ranked them, and the same question asked in another way beside it.

import { get, post, run } from "../api.js";
import { bars, choice, field, fileName, fill, h } from "../dom.js";

const MODES = [["hybrid", "meaning and words"], ["vector", "meaning"], ["keyword", "words"]];

export async function render(root, about) {
  const [{ tasks }, { collections }] = await Promise.all([get("/v1/tasks"), get("/v1/index")]);
  const searching = tasks.filter((task) => task.kind === "search");
  if (!searching.length) {
    root.append(h("p", {}, "No task of kind search is in force."));
    return;
  }
  const answers = h("div", { "aria-live": "polite" });
  const [queryLabel, query] = field("Question or words", { type: "search", required: true, wide: true, value: about.get("q") ?? "", autofocus: true });
  const names = collections.map((each) => each.name);
  const [collectionLabel, collection] = choice("Collection", [["", "the task's own"], ...names, ["*", "all"]]);
  const [countLabel, count] = choice("Hits", ["5", "10", "20"]);
  const left = side(searching, "A");
  const right = side(searching, "B");
  const compare = h("input", { type: "checkbox", onchange: () => { right.box.hidden = !compare.checked; } });
  right.box.hidden = true;
  const form = h("form", { role: "search", onsubmit: (event) => { event.preventDefault(); search(); } },
    queryLabel, collectionLabel, countLabel, h("button", { class: "main" }, "Search"));
  root.append(form,
    h("details", {}, h("summary", {}, "How it is asked, and a second way beside it"),
      h("label", { class: "line" }, compare, "Compare with a second way"),
      h("div", { class: "columns" }, left.box, right.box)),
    answers);
  if (!collections.some((each) => each.documents)) {
    answers.append(h("p", { class: "hint" }, "Nothing is indexed yet: add a folder under ", h("a", { href: "#documents" }, "Documents"), "."));
  }

  function asked() {
    const shared = { query: query.value, top_k: Number(count.value), explain: true };
    return collection.value ? { ...shared, collection: collection.value } : shared;
  }

  async function search() {
    fill(answers, h("p", { class: "hint" }, "Searching …"));
    const ways = compare.checked ? [left, right] : [left];
    const results = await Promise.all(ways.map((way) => way.search(asked()).catch((error) => ({ failed: error.message }))));
    const ranks = results.map((result) => new Map((result.hits ?? []).map((hit) => [identity(hit), hit.rank])));
    const columns = results.map((result, number) =>
      column(result, ways.length > 1 ? ways[number].name : "", ranks[1 - number], () => why(ways[number])));
    fill(answers, h("div", { class: "columns" }, columns));
  }

  function why(way) {
    const [label, file] = field("A file that should be here", { placeholder: "notes.md", wide: true, required: true });
    const said = h("div", { "aria-live": "polite" });
    return h("details", { class: "card" }, h("summary", {}, "Why not this file?"),
      h("form", { onsubmit: async (event) => {
        event.preventDefault();
        const asking = { task: way.task(), arguments: { ...asked(), ...way.mode() }, expect: file.value };
        try {
          fill(said, verdict(await post("/v1/index/inspect", asking)));
        } catch (error) {
          fill(said, h("p", { class: "problem" }, error.message));
        }
      } }, label, h("button", {}, "Look")), said);
  }

  if (query.value) search();
}

// One way to ask: a task, a mode and the instruction of the question.
function side(tasks, name) {
  const [taskLabel, task] = choice(`Task ${name}`, tasks.map((each) => each.name));
  const [modeLabel, mode] = choice(`By ${name}`, [["", "the task's own"], ...MODES]);
  const [instructionLabel, instruction] = field(`Instruction of the question ${name}`, { rows: 2, wide: true }, "textarea");
  const own = () => tasks.find((each) => each.name === task.value).instructions.query;
  const reset = () => { instruction.value = own(); };
  task.addEventListener("change", reset);
  reset();
  const chosen = () => (mode.value ? { mode: mode.value } : {});
  return {
    name,
    box: h("div", { class: "card" }, h("div", { class: "row" }, taskLabel, modeLabel), instructionLabel),
    task: () => task.value,
    mode: chosen,
    search: (shared) => {
      const input = { ...shared, ...chosen() };
      if (instruction.value.trim() === own()) return run(task.value, input);
      const document = tasks.find((each) => each.name === task.value).instructions.document;
      const changes = { instructions: { query: instruction.value, document } };
      return post("/v1/tasks/try", { task: task.value, arguments: input, changes });
    },
  };
}

const identity = (hit) => `${hit.file}\n${hit.location}`;

function column(result, name, others, why) {
  if (result.failed) return h("section", {}, h("p", { class: "problem", role: "alert" }, result.failed));
  const most = Math.max(1e-9, ...result.hits.map((hit) => hit.explain?.words?.bm25 ?? 0));
  const weights = result.explained?.weights;
  return h("section", { "aria-label": name ? `Hits of ${name}` : "Hits" },
    name && h("h2", {}, name),
    h("p", { class: "hint" }, `${result.count} hits in ${result.collections_searched.join(", ") || "nothing"}`,
      weights && ` · meaning weighs ${percent(weights.meaning)}, words ${percent(weights.words)}`,
      result.stale && " · a sync is due"),
    result.notes.map((note) => h("p", { class: "hint" }, note)),
    h("ol", { class: "list" }, result.hits.map((hit) => h("li", {}, card(hit, most, others)))),
    result.explained?.left_out?.length ? leftOut(result.explained.left_out) : "",
    why());
}

function card(hit, most, others) {
  const [name, folder] = fileName(hit.file);
  const { meaning, words } = hit.explain ?? {};
  const where = new URLSearchParams({ file: hit.file, collection: hit.collection, at: hit.location });
  return h("article", { class: "card hit" },
    h("div", { class: "head" },
      h("h3", {}, `${hit.rank}. `, h("a", { href: `#documents?${where}` }, name), ` · ${hit.location}`),
      h("span", { class: "row" }, moved(hit, others), hit.file_state && h("span", { class: "tag warn" }, hit.file_state))),
    h("p", { class: "hint" }, [hit.heading, folder].filter(Boolean).join(" · ")),
    h("p", { class: "text" }, hit.snippet),
    bars([
      ["meaning", meaning?.cosine, meaning ? `${meaning.cosine.toFixed(3)} · #${meaning.rank}` : "not among them", ""],
      ["words", (words?.bm25 ?? 0) / most, words ? `${words.bm25.toFixed(2)} · #${words.rank}` : "not among them", "second"],
      ["score", hit.score, hit.score.toFixed(3), "third"],
    ]));
}

function moved(hit, others) {
  if (!others) return "";
  const there = others.get(identity(hit));
  if (there === undefined) return h("span", { class: "tag strong" }, "only here");
  if (there === hit.rank) return "";
  const up = there > hit.rank;
  return h("span", { class: "tag strong" }, `${up ? "▲" : "▼"} ${Math.abs(there - hit.rank)}`);
}

function leftOut(passages) {
  return h("details", { class: "card" }, h("summary", {}, `${passages.length} passages that are no hits, and why`),
    h("ul", {}, passages.map((each) => h("li", {}, `#${each.rank} ${fileName(each.file)[0]}, ${each.location}: ${each.reason}`))));
}

function verdict(found) {
  const rank = found.rank ? ` at rank ${found.rank}` : "";
  return h("p", { class: found.found ? "good" : "" },
    h("strong", {}, `${found.stage}${rank}`), found.reason ? `: ${found.reason}` : "", ` (${found.file})`);
}

const percent = (share) => `${Math.round(share * 100)}%`;
