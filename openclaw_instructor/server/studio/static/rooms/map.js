// Map: texts in the plane under one instruction or two side by side, linked by colour and lasso.

import { get, may, stream } from "../api.js";
import { choice, field, fileName, fill, h, table } from "../dom.js";
import { progressBar } from "../progress.js";
import { OTHERS, PALETTE, scatter } from "../scatter.js";

const LISTED = 100;

export async function render(root, about) {
  const [{ collections }, { tasks }, writes] = await Promise.all([get("/v1/index"), get("/v1/tasks"), may("write")]);
  const sources = [
    ...collections.filter((each) => each.chunks).map((each) => [`collection:${each.name}`, `${each.name} (${each.chunks.toLocaleString("en")} passages)`]),
    ...(writes ? tasks.filter((each) => each.kind === "classify").map((each) => [`task:${each.name}`, `examples of ${each.name}`]) : []),
  ];
  if (!sources.length) {
    root.append(h("p", {}, "Nothing is indexed yet: add a folder under ", h("a", { href: "#documents" }, "Documents"), "."));
    return;
  }
  const [sourceLabel, source] = choice("Show", sources);
  const [pointsLabel, points] = choice("At most", [["1000", "1,000"], ["10000", "10,000"], ["50000", "50,000"]]);
  const [methodLabel, method] = choice("By", [["pca", "PCA"], ["umap", "PCA at once, then UMAP"]]);
  const [instructionLabel, instruction] = field("A second instruction, beside its own", { wide: true, placeholder: "Represent the text for clustering by topic:" });
  const [colourLabel, colour] = choice("Colour by", [["folder", "folder"], ["type", "type"], ["file", "file"]], { onchange: () => shown?.recolour() });
  source.value = about.get("show");
  if (!source.value) source.value = sources[0][0];
  points.value = "10000";
  const result = h("div");
  let shown;
  root.append(h("form", { onsubmit: (event) => { event.preventDefault(); draw(); } },
    sourceLabel, pointsLabel, methodLabel, colourLabel, instructionLabel, h("button", { class: "main" }, "Draw")), result);

  let stop = new AbortController();

  async function draw() {
    stop.abort();
    stop = new AbortController();
    const mine = stop;
    fill(result, h("p", { class: "hint", role: "status" }, "Drawing …"));
    shown = undefined;
    const [what, name] = source.value.split(/:(.*)/s);
    const wanted = { [what]: name, method: method.value, points: Number(points.value) };
    if (instruction.value.trim()) wanted.instruction = instruction.value;
    try {
      await stream("/v1/map", wanted, (line) => {
        if (mine !== stop) return;
        if (line.groups) shown = atlas(result, line, what === "task" ? () => "label" : () => colour.value, name, () => mine.abort());
        else if (line.progress) shown.wait(line);
        else if (line.map !== undefined) shown.place(line);
      }, mine.signal);
    } catch (error) {
      if (mine !== stop) return;
      if (error.name === "AbortError") return void shown?.cancelled();
      (shown ? result : fill(result)).append(h("p", { class: "problem", role: "alert" }, error.message));
    }
    shown?.done();
  }

  draw();
  return () => stop.abort();
}

// The points of one answer on one canvas or two.
function atlas(place, data, by, collection, cancel) {
  const count = data.group.length;
  const shared = { colour: new Uint8Array(count).fill(255), chosen: null, focus: undefined };
  const legend = h("p", { class: "hint" });
  const states = data.instructions.map(() => h("span", { class: "hint", role: "status" }));
  const sizes = h("p", { class: "hint" }, `${count.toLocaleString("en")} of ${data.total.toLocaleString("en")} texts`);
  const focus = h("p", { class: "hint", "aria-live": "polite" });
  const chosen = h("div", { "aria-live": "polite" });
  const names = data.instructions;
  const waits = names.map(() => progressBar(cancel));
  const laid = names.map(() => "");
  const on = { focus: look, open, chosen: choose };
  const canvases = names.map((name) => scatter(`${count} points under “${name || "no instruction"}”; arrows go through them, Enter opens one`, shared, on));
  fill(place, h("div", { class: "columns" }, names.map((name, number) => h("figure", { class: "card" },
    h("figcaption", {}, h("em", {}, name || "no instruction"), " ", states[number]), waits[number].element, canvases[number].element))),
  sizes, legend, focus, chosen,
  h("p", { class: "hint" }, "Draw around points to choose them on both maps; a click opens one. Wheel or + and − zoom, a drag with shift moves."));

  const redraw = () => canvases.forEach((each) => each.draw());
  const title = (i) => by() === "label" ? `${data.groups[data.group[i]]}: ${data.places[i]}` : `${fileName(data.groups[data.group[i]])[0]}, ${data.places[i]}`;

  function look(i) {
    shared.focus = i;
    fill(focus, title(i));
    redraw();
  }

  function open(i) {
    if (by() === "label") return look(i);
    location.hash = `documents?${new URLSearchParams({ file: data.groups[data.group[i]], collection, at: data.places[i] })}`;
    return undefined;
  }

  function choose(found) {
    shared.chosen = found.length ? new Uint8Array(count) : null;
    for (const i of found) shared.chosen[i] = 1;
    fill(chosen, found.length ? [h("h2", {}, `${found.length.toLocaleString("en")} chosen`), table([
      ["Text", (i) => by() === "label" ? title(i) : h("a", { href: `#documents?${new URLSearchParams({ file: data.groups[data.group[i]], collection, at: data.places[i] })}` }, title(i))],
    ], found.slice(0, LISTED), "Chosen texts"), found.length > LISTED && h("p", { class: "hint" }, `and ${found.length - LISTED} more`)] : "");
    redraw();
  }

  function recolour() {
    const keys = data.groups.map((group) => key(group, by()));
    const sizes = new Map();
    for (const group of data.group) sizes.set(keys[group], (sizes.get(keys[group]) ?? 0) + 1);
    const most = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, PALETTE.length).map(([name]) => name);
    const colours = keys.map((name) => most.indexOf(name));
    for (let i = 0; i < count; i++) shared.colour[i] = colours[data.group[i]] < 0 ? 255 : colours[data.group[i]];
    fill(legend, most.map((name, number) => [swatch(PALETTE[number]), `${name} (${sizes.get(name)})  `]), sizes.size > most.length && [swatch(OTHERS), `${sizes.size - most.length} more`]);
    redraw();
  }

  function placeOn({ map, method, x, y, variance }) {
    canvases[map].set(numbers(x), numbers(y));
    const share = variance === undefined ? "" : `, ${Math.round(variance * 100)}% of the variance`;
    laid[map] = `by ${method.toUpperCase()}${share}`;
    fill(states[map], laid[map]);
    waits[map].hide();
  }

  function wait({ of, progress: [number, total], what }) {
    const texts = total ? `${number.toLocaleString("en")} of ${total.toLocaleString("en")} texts embedded` : `${what} is laid out`;
    waits[of].show(number, total, texts);
  }

  const done = () => waits.forEach((each) => each.hide());
  function cancelled() {
    done();
    states.forEach((each, number) => fill(each, laid[number] || "cancelled; what was embedded is kept for the next time"));
  }

  recolour();
  return { place: placeOn, wait, done, cancelled, recolour };
}

// Coordinates come as 16 bits each in base64: a third of their size as text.
function numbers(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}

function swatch([r, g, b]) {
  const box = h("span", { class: "swatch" });
  box.style.background = `rgb(${r} ${g} ${b})`;
  return box;
}

function key(group, by) {
  if (by === "label" || by === "file") return by === "file" ? fileName(group)[0] : group;
  const [name, folder] = fileName(group);
  if (by === "folder") return folder.split("/").slice(-2).join("/") || "/";
  return name.includes(".") ? name.slice(name.lastIndexOf(".")) : "no suffix";
}
