// Offers every task of the registry as an OpenClaw tool, answered by the local daemon.
// The manifest and tools.json beside it are generated from `instructions.yaml`; nothing here names a task.

import { defineToolPlugin } from "openclaw/plugin-sdk/tool-plugin";
import { wrapExternalContent } from "openclaw/plugin-sdk/security-runtime";
import manifest from "../../openclaw.plugin.json" with { type: "json" };
import packaged from "./tools.json" with { type: "json" };
import { approvalFor } from "./approvals.js";
import { createDaemon } from "./client.js";
import { createSpecs } from "./specs.js";

// The generic tool: it runs any task by name, also one that the loaded manifest does not declare yet.
const GENERIC = "instructor_task";

const runtimes = new WeakMap();

function runtimeOf(api) {
  if (!runtimes.has(api)) {
    const specs = createSpecs(api.rootDir, packaged, (message) => api.logger?.warn?.(message));
    const daemon = createDaemon(api.runtime.system.runCommandWithTimeout, () => commandLine(api, specs), manifest.id);
    runtimes.set(api, { daemon, specs });
  }
  return runtimes.get(api);
}

function commandLine(api, specs) {
  const { command, home } = api.pluginConfig ?? {};
  const program = command ? [command] : (specs.current().command ?? [manifest.id]);
  return home ? [...program, "--home", home] : program;
}

function answer(result) {
  // Passages, e-mail and candidate texts are untrusted, so they are fenced and the model takes them as data.
  const text = wrapExternalContent(JSON.stringify(result), { source: "api", includeWarning: false });
  return { content: [{ type: "text", text }], details: { result } };
}

function concreteTool(name, api) {
  const { daemon, specs } = runtimeOf(api);
  const spec = specs.current().tools[name];
  if (!spec) return null; // the task was removed since the plugin was loaded
  const { label, description, parameters } = spec;
  return {
    name,
    label,
    description,
    parameters,
    catalogMode: "direct-only", // keeps the full schema in the request when Tool Search hides other tools
    async execute(_toolCallId, params, signal) {
      const [task, input] = name === GENERIC ? [params.task, params.input ?? {}] : [name, params];
      return answer(await daemon.call(task, input, signal, specs.effectOf(task)));
    },
  };
}

function declaredTool(name) {
  const { description, parameters } = packaged.tools[name] ?? { description: name, parameters: { type: "object" } };
  return { name, description, parameters, factory: ({ api }) => concreteTool(name, api) };
}

const entry = defineToolPlugin({
  id: manifest.id,
  name: manifest.name,
  description: manifest.description,
  activation: manifest.activation,
  configSchema: manifest.configSchema,
  tools: (tool) => manifest.contracts.tools.map((name) => tool(declaredTool(name))),
});

// A tool that changes something asks the owner first, through OpenClaw's approvals.
const registerTools = entry.register;
entry.register = (api) => {
  registerTools(api);
  api.on?.("before_tool_call", ({ toolName, params }) => {
    if (!manifest.contracts.tools.includes(toolName)) return undefined;
    const task = toolName === GENERIC ? params.task : toolName;
    // The daemon decides about a task that is not in this list: agents have its `read` scope.
    const known = runtimeOf(api).specs.current().tools[task];
    return known && approvalFor(task, known.effect ?? "write");
  });
};

export default entry;
