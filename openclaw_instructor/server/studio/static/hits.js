// The hits of a search: where each stands, what ranked it, how it moved, and why a file is not among them.

import { bars, field, fileName, fill, h } from "./dom.js";

export const identity = (hit) => `${hit.file}\n${hit.location}`;

// `others` has the ranks of the same hits in the column `other`, undefined where that has none to compare with.
export function column(result, { name, others, other, why }) {
  if (result.failed) return h("section", { "aria-label": name ? `Hits of ${name}` : "Hits" }, name && h("h2", {}, name), h("p", { class: "problem", role: "alert" }, result.failed));
  const most = Math.max(1e-9, ...result.hits.map((hit) => hit.explain?.words?.bm25 ?? 0));
  const weights = result.explained?.weights;
  return h("section", { "aria-label": name ? `Hits of ${name}` : "Hits" },
    name && h("h2", {}, name),
    result.compared && h("p", { class: "hint" }, compared(result.compared)),
    h("p", { class: "hint" }, `${result.count} hits in ${result.collections_searched.join(", ") || "nothing"}`,
      weights && ` · meaning weighs ${percent(weights.meaning)}, words ${percent(weights.words)}`,
      result.stale && " · a sync is due"),
    result.notes.map((note) => h("p", { class: "hint" }, note)),
    h("ol", { class: "list" }, result.hits.map((hit) => h("li", {}, card(hit, most, others, other)))),
    result.explained?.left_out?.length ? leftOut(result.explained.left_out) : "",
    why);
}

// What exactly another checkpoint was asked: everything, or only what may answer.
function compared({ checkpoint, embedded, passages, cut, whole }) {
  const number = (value) => value.toLocaleString("en");
  const read = whole
    ? `${checkpoint} read all ${number(passages)} passages for this question, as an index of its own would hold them.`
    : `${checkpoint} read ${number(embedded)} of ${number(passages)} passages: the nearest by the checkpoint in use, those with the words, and a sample. What neither brings up cannot appear here.`;
  return cut ? `${read} ${number(cut)} were longer than it reads and were cut.` : read;
}

function card(hit, most, others, other) {
  const [name, folder] = fileName(hit.file);
  const { meaning, words } = hit.explain ?? {};
  return h("article", { class: "card hit" },
    h("div", { class: "head" },
      h("h3", {}, `${hit.rank}. `, passageLink(hit, name), ` · ${hit.location}`),
      h("span", { class: "row" }, moved(hit, others, other), hit.file_state && h("span", { class: "tag warn" }, hit.file_state))),
    h("p", { class: "hint" }, [hit.heading, folder].filter(Boolean).join(" · ")),
    h("p", { class: "text" }, hit.snippet),
    legs(meaning, words, most, ["score", hit.score, hit.score.toFixed(3), "third"]));
}

const passageLink = (hit, text) =>
  h("a", { href: `#documents?${new URLSearchParams({ file: hit.file, collection: hit.collection, at: hit.location ?? "" })}` }, text);

// Both legs of the search: the cosine by meaning and BM25 by words, each with its rank.
const legs = (meaning, words, most, ...more) => bars([
  ["meaning", meaning?.cosine, meaning ? `${meaning.cosine.toFixed(3)} · #${meaning.rank}` : "not among them", ""],
  ["words", (words?.bm25 ?? 0) / most, words ? `${words.bm25.toFixed(2)} · #${words.rank}` : "not among them", "second"],
  ...more,
]);

function moved(hit, others, other) {
  if (!others) return "";
  const there = others.get(identity(hit));
  if (there === undefined) return h("span", { class: "tag strong" }, `not in ${other}`);
  if (there === hit.rank) return "";
  const up = there > hit.rank;
  return h("span", { class: "tag strong", title: `number ${there} in ${other}` }, `${up ? "▲" : "▼"} ${Math.abs(there - hit.rank)} ${up ? "above" : "below"} ${other}`);
}

function leftOut(passages) {
  return h("details", { class: "card" }, h("summary", {}, `${passages.length} passages that are no hits, and why`),
    h("ul", {}, passages.map((each) => h("li", {}, `#${each.rank} ${fileName(each.file)[0]}, ${each.location}: ${each.reason}`))));
}

// `inspect(file, place)` asks the same question again, and where the file was lost.
export function whyNot(inspect) {
  const [label, file] = field("A file that should be here", { placeholder: "notes.md", wide: true, required: true });
  const said = h("div", { "aria-live": "polite" });
  return h("details", { class: "card" }, h("summary", {}, "Why not this file?"),
    h("form", { onsubmit: async (event) => {
      event.preventDefault();
      try {
        fill(said, verdict(await inspect(file.value, said)));
      } catch (error) {
        fill(said, h("p", { class: "problem", role: "alert" }, error.message));
      }
    } }, label, h("button", {}, "Look")), said);
}

const SAYS = {
  found: "It is among the hits",
  "left out": "It was ranked, and left out",
  "not a candidate": "It was ranked too low to be looked at",
  filtered: "A filter leaves it out",
  empty: "It holds no text",
  unreadable: "It was skipped: it cannot be read",
  "not indexed": "It is not indexed",
};

function verdict(found) {
  const { meaning, words, fused } = found.explain ?? {};
  const rank = found.rank ?? fused?.rank;
  return h("div", { class: found.found ? "good" : "" },
    h("p", {}, h("strong", {}, SAYS[found.stage] ?? found.stage, rank ? `, number ${rank.toLocaleString("en")}` : ""), found.reason ? `: ${found.reason}` : ""),
    h("p", { class: "hint" }, found.location ? passageLink(found, `${found.file}, ${found.location}`) : found.file),
    found.explain ? legs(meaning, words, words?.bm25 || 1) : "");
}

const percent = (share) => `${Math.round(share * 100)}%`;
