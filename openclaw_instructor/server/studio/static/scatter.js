// Points on a canvas, drawn pixel by pixel: 50,000 take a few milliseconds without WebGL, whose libraries compile
// their shaders' wrappers from text, which the page's policy forbids.

import { h } from "./dom.js";

export const PALETTE = [
  [42, 120, 178], [227, 119, 30], [44, 140, 70], [200, 50, 60], [130, 90, 180], [140, 86, 75],
  [214, 100, 170], [110, 120, 30], [20, 160, 175], [170, 130, 40], [90, 90, 220], [60, 160, 120],
];
export const OTHERS = [140, 146, 152];
const STEPS = 65535;

// `shared` has { colour: Uint8Array, chosen: Uint8Array or null, focus }; maps that share it are linked.
// `on` has { chosen(indices), focus(index), open(index) }.
export function scatter(title, shared, on) {
  const canvas = h("canvas", { class: "map", tabindex: "0", role: "img", "aria-label": title });
  const context = canvas.getContext("2d");
  const view = { scale: 1, x: 0, y: 0 };
  let [xs, ys] = [[], []];
  let image;
  let lasso = null;
  let drag = null;
  let asked = false;

  function draw() {
    if (!asked) requestAnimationFrame(paint);
    asked = true;
  }

  // From a point's coordinate to the canvas's pixels, with a margin.
  const span = () => canvas.width * 0.92 * view.scale;
  const px = (i) => canvas.width * 0.04 + view.x + (xs[i] / STEPS) * span();
  const py = (i) => canvas.height * 0.04 + view.y + (1 - ys[i] / STEPS) * span();

  function paint() {
    asked = false;
    const size = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (!size) return;
    if (canvas.width !== size || !image) {
      canvas.width = canvas.height = size;
      image = context.createImageData(size, size);
    }
    const pixels = image.data;
    pixels.fill(0);
    const side = Math.max(2, Math.round((xs.length > 20000 ? 1.5 : xs.length > 3000 ? 2.5 : 4) * Math.min(2, size / 500) * Math.min(2.5, Math.sqrt(view.scale))));
    const pass = (wanted, alpha) => {
      for (let i = 0; i < xs.length; i++) {
        if (shared.chosen && Boolean(shared.chosen[i]) !== wanted) continue;
        const [left, top] = [Math.round(px(i) - side / 2), Math.round(py(i) - side / 2)];
        if (left < 0 || top < 0 || left + side > size || top + side > size) continue;
        const [r, g, b] = PALETTE[shared.colour[i]] ?? OTHERS;
        for (let y = top; y < top + side; y++) {
          for (let at = (y * size + left) * 4, end = at + side * 4; at < end; at += 4) {
            pixels[at] = r; pixels[at + 1] = g; pixels[at + 2] = b; pixels[at + 3] = alpha;
          }
        }
      }
    };
    if (shared.chosen) pass(false, 45);
    pass(true, 230);
    context.putImageData(image, 0, 0);
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineWidth = 2;
    if (shared.focus !== undefined && shared.focus < xs.length) {
      context.beginPath();
      context.arc(px(shared.focus), py(shared.focus), side + 5, 0, 2 * Math.PI);
      context.stroke();
    }
    if (lasso?.length > 1) {
      context.beginPath();
      lasso.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.stroke();
    }
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  function nearest([x, y], reach = 12) {
    let [best, distance] = [-1, (reach * canvas.width / canvas.clientWidth) ** 2];
    for (let i = 0; i < xs.length; i++) {
      const away = (px(i) - x) ** 2 + (py(i) - y) ** 2;
      if (away < distance) [best, distance] = [i, away];
    }
    return best;
  }

  function zoom(factor, [x, y]) {
    const scale = Math.max(1, Math.min(60, view.scale * factor));
    const by = scale / view.scale;
    const margin = canvas.width * 0.04;
    view.x = scale === 1 ? 0 : x - margin - (x - margin - view.x) * by;
    view.y = scale === 1 ? 0 : y - margin - (y - margin - view.y) * by;
    view.scale = scale;
    draw();
  }

  // A drag moves the map with shift or the middle button, and draws a lasso otherwise.
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    drag = { from: at(event), moving: event.shiftKey || event.button === 1, moved: false };
    if (!drag.moving) lasso = [drag.from];
  });
  canvas.addEventListener("pointermove", (event) => {
    const here = at(event);
    if (!drag) {
      const found = nearest(here);
      if (found >= 0 && found !== shared.focus) on.focus(found);
      return;
    }
    drag.moved ||= Math.hypot(here[0] - drag.from[0], here[1] - drag.from[1]) > 4;
    if (drag.moving) {
      view.x += here[0] - drag.from[0];
      view.y += here[1] - drag.from[1];
      drag.from = here;
    } else lasso.push(here);
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moving) {
      if (drag.moved) on.chosen(inside(lasso));
      else {
        const found = nearest(at(event));
        if (found >= 0) on.open(found);
        else on.chosen([]);
      }
    }
    drag = lasso = null;
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), at(event));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const middle = [canvas.width / 2, canvas.height / 2];
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (event.key === "+") zoom(1.4, middle);
    else if (event.key === "-") zoom(1 / 1.4, middle);
    else if (event.key === "Escape") on.chosen([]);
    else if (event.key === "Enter" && shared.focus !== undefined) on.open(shared.focus);
    else if (step) on.focus(((shared.focus ?? -1) + step + xs.length) % xs.length);
    else return;
    event.preventDefault();
  });

  function inside(path) {
    const found = [];
    for (let i = 0; i < xs.length; i++) {
      const [x, y] = [px(i), py(i)];
      let within = false;
      for (let a = 0, b = path.length - 1; a < path.length; b = a++) {
        const [[ax, ay], [bx, by]] = [path[a], path[b]];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
      }
      if (within) found.push(i);
    }
    return found;
  }

  new ResizeObserver(draw).observe(canvas);
  return { element: canvas, draw, set: (x, y) => { [xs, ys] = [x, y]; draw(); } };
}
