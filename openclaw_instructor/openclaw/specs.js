// Reads tools.json, the generated description of every tool. It is read again each turn, so that a changed
// description, schema or list of tasks reaches the model without reloading the plugin.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const FILE = join("openclaw_instructor", "openclaw", "tools.json");

// `rootDir` is the installed folder; the modules themselves run from a snapshot that never changes.
export function createSpecs(rootDir, packaged, warn) {
  const path = join(rootDir, FILE);
  let read = packaged;
  let stamp = "";
  const self = {
    // "read", "write" or "destroy"; a task that the specs do not know counts as one that changes something
    effectOf: (task) => self.current().tools[task]?.effect ?? "write",
    // { command?: argv that starts the program on this machine, tools: { name: { label, description, parameters, effect } } }
    current() {
      try {
        const { mtimeNs, size, ino } = statSync(path, { bigint: true });
        const now = `${mtimeNs}:${size}:${ino}`;
        if (now !== stamp) {
          const fresh = JSON.parse(readFileSync(path, "utf8"));
          if (typeof fresh?.tools !== "object") throw new Error('it holds no "tools"');
          read = fresh;
          stamp = now;
        }
      } catch (error) {
        warn(`${path} cannot be read (${error.message}); keeping the last good tools. Run: openclaw-instructor openclaw sync`);
      }
      return read;
    },
  };
  return self;
}
