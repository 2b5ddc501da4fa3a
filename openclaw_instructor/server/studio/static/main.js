// The frame: which room is open, the keyboard, the colours, and what is said when a room cannot be shown.

import { h, fill } from "./dom.js";
import { inGateway, session } from "./api.js";

const ROOMS = {
  search: "Search",
  documents: "Documents",
  inbox: "Inbox",
  tasks: "Tasks",
  map: "Map",
  engine: "Engine",
};
// What quotes examples and corrections, which may be mail, needs more than reading.
const NEEDS = { inbox: "write", tasks: "write" };

const main = document.getElementById("room");
const nav = document.getElementById("rooms");
let leave = () => {};
let opening = 0;

// The part behind the `#`: a room, and what it is about, such as #documents?file=/home/notes.md.
function place() {
  const [name, query] = location.hash.slice(1).split("?");
  const first = new URLSearchParams(location.search).get("room");
  return [name in ROOMS ? name : first in ROOMS ? first : "search", new URLSearchParams(query ?? "")];
}

async function show() {
  const [name, about] = place();
  const mine = ++opening;
  leave();
  leave = () => {};
  document.title = `${ROOMS[name]} · Studio`;
  fill(nav, Object.entries(ROOMS).map(([room, title], number) =>
    h("a", { href: `#${room}`, "aria-current": room === name ? "page" : undefined, title: `key ${number + 1}` }, title)));
  try {
    const [{ scope }, room] = await Promise.all([session(), import(`./rooms/${name}.js`)]);
    if (mine !== opening) return;
    const root = h("div", {}, h("h1", {}, ROOMS[name]));
    if (NEEDS[name] && scope === "read") root.append(elsewhere(name));
    else leave = (await room.render(root, about)) ?? leave;
    if (mine !== opening) return;
    fill(main, root);
    main.dataset.place = location.hash.slice(1);
  } catch (error) {
    if (mine === opening) fill(main, h("h1", {}, ROOMS[name]), problem(error));
  }
}

function elsewhere(name) {
  const why = inGateway ? "OpenClaw lets a tab only read" : "this session may only read";
  return h("p", {}, `This room changes things, and ${why}. Open it in a browser: `, h("code", {}, `openclaw-instructor studio ${name}`));
}

function problem(error) {
  if (error.status === 401) {
    return h("div", { class: "card" },
      h("p", {}, "There is no session, or it has ended."),
      h("p", {}, "Open a new one with ", h("code", {}, "openclaw-instructor studio"), "."));
  }
  return h("p", { class: "problem", role: "alert" }, error.message);
}

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  window.dispatchEvent(new Event("themechange"));
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const room = Object.keys(ROOMS)[Number(event.key) - 1];
  if (room) location.hash = room;
  else if (event.key === "/") {
    event.preventDefault();
    main.querySelector("input[type=search], textarea")?.focus();
  }
});

window.addEventListener("hashchange", async () => {
  await show();
  main.focus({ preventScroll: true });
});
show();
