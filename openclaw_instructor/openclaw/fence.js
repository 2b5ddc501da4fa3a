// Fences what strangers wrote, in the form that OpenClaw's own tools use and its models know.

import { randomBytes } from "node:crypto";

// `notice` is said outside the fence, in the tool's own voice; nobody can close the fence, whose id is drawn each time.
export function fenced(text, notice) {
  const id = randomBytes(8).toString("hex");
  // The daemon has done so already; one of an older version has not.
  const inside = text.replace(/<<<|<\||\|>/g, (mark) => mark.split("").join(" "));
  return [
    notice,
    `<<<EXTERNAL_UNTRUSTED_CONTENT id="${id}">>>`,
    "Source: API",
    "---",
    inside,
    `<<<END_EXTERNAL_UNTRUSTED_CONTENT id="${id}">>>`,
  ].join("\n");
}
