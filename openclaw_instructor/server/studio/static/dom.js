// Builds elements. Whatever is not written in this code comes in as text, never as markup.

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (tag === "form" && name === "onsubmit") onSubmit(element, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && typeof value !== "string") element[name] = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

// A frame without `allow-forms`, such as OpenClaw's, submits no form and tells it nothing; so a form is sent by hand.
function onSubmit(form, handle) {
  const submit = (event) => {
    event.preventDefault();
    if (form.reportValidity()) handle(event);
  };
  form.addEventListener("click", (event) => {
    if (event.target.closest("button")?.type === "submit") submit(event);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) submit(event);
  });
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    element.append(child instanceof Node ? child : readable(String(child)));
  }
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

// Signs that turn the direction of writing or show nothing would disguise a name, such as gnp.exe as exe.png.
export function readable(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "\ufffd");
}

// Long texts would stall the layout; the rest is shown when it is asked for.
const SHOWN = 20_000;

export function longText(text) {
  const box = h("pre", { class: "text", tabindex: "0" }, text.slice(0, SHOWN));
  if (text.length <= SHOWN) return box;
  let shown = SHOWN;
  const more = h("button", { type: "button", onclick: () => {
    box.append(readable(text.slice(shown, (shown += 10 * SHOWN))));
    more.hidden = shown >= text.length;
  } }, `more of ${text.length.toLocaleString("en")} characters`);
  return h("div", {}, box, more);
}

export function bar(share, kind = "") {
  const inner = h("span");
  inner.style.width = `${Math.max(0, Math.min(1, share || 0)) * 100}%`;
  return h("span", { class: `bar ${kind}`, "aria-hidden": "true" }, inner);
}

// Rows of [name, share from 0 to 1, number as text, kind].
export function bars(rows) {
  return h("div", { class: "bars" }, rows.map(([name, share, number, kind]) => [
    h("span", {}, name), bar(share, kind), h("span", { class: "number" }, number)]));
}

// Columns are [title, row => cell, is a number].
export function table(columns, rows, caption) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, h("table", {},
    h("caption", { hidden: true }, caption),
    h("thead", {}, h("tr", {}, columns.map(([title, , number]) => h("th", { scope: "col", class: number ? "number" : "" }, title)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, columns.map(([, cell, number]) => h("td", { class: number ? "number" : "" }, cell(row))))))));
}

export function choice(label, options, properties = {}) {
  const select = h("select", properties, options.map((option) => {
    const [value, text] = Array.isArray(option) ? option : [option, option];
    return h("option", { value }, text);
  }));
  return [h("label", {}, label, select), select];
}

export function field(label, properties = {}, kind = "input") {
  const input = h(kind, properties);
  return [h("label", { class: properties.wide ? "grow" : "" }, label, input), input];
}

export function say(text) {
  const status = document.getElementById("status");
  fill(status, text);
  clearTimeout(say.timer);
  say.timer = setTimeout(() => fill(status), 6000);
}

// Resolves to whether the question was answered with yes.
export function ask(question, yes) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-label": question },
      h("p", {}, question),
      h("div", { class: "row" },
        h("button", { type: "button", class: "main", onclick: () => dialog.close("yes") }, yes),
        h("button", { type: "button", autofocus: true, onclick: () => dialog.close("no") }, "Cancel")));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// A file's name and its folder, apart.
export function fileName(path) {
  const cut = path.lastIndexOf("/");
  return [path.slice(cut + 1), path.slice(0, cut)];
}
