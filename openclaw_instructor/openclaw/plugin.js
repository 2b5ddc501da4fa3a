// Registers what this plugin contributes to OpenClaw, each in a file of its own; all of it is answered by the local
// daemon. The manifest and tools.json beside it are generated from `instructions.yaml`; nothing here names a task.

import { buildJsonPluginConfigSchema, definePluginEntry } from "openclaw/plugin-sdk/plugin-entry";
import manifest from "../../openclaw.plugin.json" with { type: "json" };
import packaged from "./tools.json" with { type: "json" };
import { createDaemon } from "./client.js";
import { registerCorpus } from "./corpus.js";
import { registerDecisions } from "./decisions.js";
import { registerEmbeddings } from "./embeddings.js";
import { createSpecs } from "./specs.js";
import { registerStudio } from "./studio.js";
import { registerTaskTools } from "./task_tools.js";

function commandLine(api, specs) {
  const { command, home } = api.pluginConfig ?? {};
  const program = command ? [command] : (specs.current().command ?? [manifest.id]);
  return home ? [...program, "--home", home] : program;
}

export default definePluginEntry({
  id: manifest.id,
  name: manifest.name,
  description: manifest.description,
  configSchema: buildJsonPluginConfigSchema(manifest.configSchema),
  register(api) {
    const specs = createSpecs(api.rootDir, packaged, (message) => api.logger?.warn?.(message));
    const daemon = createDaemon(api.runtime.system?.runCommandWithTimeout, () => commandLine(api, specs), manifest.id, () => specs.current().install);
    const runtime = { daemon, specs };
    registerTaskTools(api, runtime, manifest.contracts.tools);
    registerCorpus(api, runtime);
    registerDecisions(api, runtime, manifest);
    registerEmbeddings(api, runtime, manifest);
    registerStudio(api, runtime);
  },
});
