// Search: a question, its hits with what ranked them, and the same question asked in another way beside it.

import { get, may } from "../api.js";
import { choice, field, fill, h } from "../dom.js";
import { column, identity, whyNot } from "../hits.js";
import { wayToAsk } from "../ways.js";

export async function render(root, about) {
  const [{ tasks }, { collections }, writes, owns] = await Promise.all([get("/v1/tasks"), get("/v1/index"), may("write"), may("admin")]);
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
  const narrowed = filters();
  const left = wayToAsk(searching, "A", { writes, owns });
  const right = wayToAsk(searching, "B", { writes, owns });
  const compare = h("input", { type: "checkbox", onchange: showSecond });
  const form = h("form", { role: "search", onsubmit: (event) => { event.preventDefault(); search(); } },
    queryLabel, collectionLabel, countLabel, h("button", { class: "main" }, "Search"));
  root.append(form,
    h("details", { ontoggle: listCheckpoints }, h("summary", {}, "How it is asked, and a second way beside it"),
      narrowed.element,
      h("label", { class: "line" }, compare, "Compare with a second way"),
      h("div", { class: "columns" }, left.box, right.box)),
    answers);
  showSecond();
  if (!collections.some((each) => each.documents)) {
    answers.append(h("p", { class: "hint" }, "Nothing is indexed yet: add a folder under ", h("a", { href: "#documents" }, "Documents"), "."));
  }

  function showSecond() {
    right.box.hidden = !compare.checked;
  }

  // Looking for checkpoints takes a moment, so it waits until somebody opens this.
  async function listCheckpoints() {
    if (!writes || listCheckpoints.done) return;
    listCheckpoints.done = true;
    const { checkpoints } = await get("/v1/checkpoints");
    for (const way of [left, right]) way.offer(checkpoints);
  }

  function asked() {
    const shared = { query: query.value, top_k: Number(count.value), explain: true, ...narrowed.values() };
    return collection.value ? { ...shared, collection: collection.value } : shared;
  }

  async function search() {
    const ways = compare.checked ? [left, right] : [left];
    const places = ways.map(() => h("div", {}, h("p", { class: "hint" }, "Searching …")));
    fill(answers, h("div", { class: "columns" }, places));
    const results = await Promise.all(ways.map((way, number) => way.search(asked(), places[number]).catch((error) => ({ failed: error.message }))));
    const ranks = results.map((result) => result.hits && new Map(result.hits.map((hit) => [identity(hit), hit.rank])));
    results.forEach((result, number) => {
      const way = ways[number];
      const other = ways[1 - number];
      fill(places[number], column(result, {
        name: ways.length > 1 ? way.name : "",
        others: other && ranks[1 - number],
        other: other?.name,
        why: whyNot((file, place) => way.inspect(asked(), file, place)),
      }));
    });
  }

  if (query.value) search();
}

// What narrows the documents: the arguments of a search that an agent may give too.
function filters() {
  const [pathLabel, path] = field("Only files", { placeholder: "guides/*.md" });
  const [typeLabel, type] = field("Only types", { placeholder: "pdf, mail" });
  const [afterLabel, after] = field("Dated from", { placeholder: "2026-01-31 or 7d" });
  const [beforeLabel, before] = field("Dated before", { placeholder: "2026-03-01" });
  const inputs = { path, type, after, before };
  const values = () => Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]).filter(([, value]) => value));
  return { element: h("div", { class: "row", role: "group", "aria-label": "Filters" }, pathLabel, typeLabel, afterLabel, beforeLabel), values };
}
