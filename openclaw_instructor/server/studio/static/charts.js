// Line charts by uPlot, in the colours of the page.

import uPlot from "./vendor/uPlot.esm.js";
import { fill, h } from "./dom.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// A function that computes colours of both schemes is resolved by the browser on an element.
function resolved(name) {
  const probe = h("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value || colour(name);
}

const STROKES = ["--accent", "--second", "--good", "--bad"];

// `data` is uPlot's: x and then the y of each series, whose `names` are given. Returns { element, set(data) }.
export function chart({ title, names, data, x, y, time = false, xRange, yRange, points = false, height = 220 }) {
  const place = h("div", { role: "img", "aria-label": `${title}: ${names.join(", ")}` });
  const element = h("figure", { class: "card" }, h("figcaption", {}, h("h3", {}, title)), place);
  let plot;
  let shown = data;
  function draw() {
    plot?.destroy();
    fill(place);
    const axis = { stroke: resolved("--soft"), grid: { stroke: resolved("--line"), width: 1 }, ticks: { stroke: resolved("--line") }, font: "12px system-ui" };
    plot = new uPlot({
      width: Math.max(200, place.clientWidth || 300),
      height,
      legend: { show: names.length > 1, live: false },
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time, range: xRange && (() => xRange) }, y: { range: yRange && (() => yRange) } },
      axes: [{ ...axis, label: x, labelSize: 18 }, { ...axis, label: y, labelSize: 18, size: 56 }],
      series: [{ label: x }, ...names.map((label, number) => ({
        label, stroke: resolved(STROKES[number % STROKES.length]), width: 2, spanGaps: true, points: { show: points, size: 6 },
      }))],
    }, shown, place);
  }
  const watcher = new ResizeObserver(() => {
    if (!place.isConnected) return;
    if (!plot) draw();
    else if (Math.abs(plot.width - place.clientWidth) > 2) plot.setSize({ width: Math.max(200, place.clientWidth), height });
  });
  watcher.observe(place);
  window.addEventListener("themechange", () => plot && place.isConnected && draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot && place.isConnected && draw());
  return { element, set: (next) => { shown = next; plot?.setData(next); } };
}
