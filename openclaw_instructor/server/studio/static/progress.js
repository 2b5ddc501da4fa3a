// How far a long piece of work is, how long it will take, and a button that ends it.

import { fill, h } from "./dom.js";

const TICK_MS = 1_000;

export function progressBar(cancel) {
  const bar = h("progress", { "aria-label": "Progress" });
  const what = h("span", { class: "hint" });
  const element = h("div", { hidden: true }, bar, h("div", { class: "row" }, what, h("button", { type: "button", onclick: cancel }, "Cancel")));
  let started = 0;
  let said = "";
  let shown = { done: 0, total: 0, text: "" };
  let timer;

  function tell() {
    if (timer && !element.isConnected) return hide();
    const { done, total, text } = shown;
    const seconds = (performance.now() - started) / 1000;
    const left = done && seconds > 2 ? `, about ${duration((seconds * (total - done)) / done)} left` : "";
    const now = total ? `${text}${left}` : `${text}, for ${duration(seconds)} so far`;
    if (now !== said) fill(what, now);
    said = now;
    return undefined;
  }

  // `total` 0 is work of unknown length.
  function show(done, total, text) {
    if (element.hidden) started = performance.now();
    shown = { done, total, text };
    element.hidden = false;
    if (total) Object.assign(bar, { max: total, value: done });
    else bar.removeAttribute("value");
    timer ??= setInterval(tell, TICK_MS);
    tell();
  }

  function hide() {
    clearInterval(timer);
    timer = undefined;
    element.hidden = true;
  }

  return { element, show, hide };
}

const duration = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);
