// Offers every task of the registry as an OpenClaw tool. Nothing here names a task.

import { approvalFor } from "./approvals.js";
import { fenced } from "./fence.js";
import { GENERIC, genericSpec } from "./generic.js";

// `declared` are the tools of the loaded manifest: OpenClaw takes no others.
export function registerTaskTools(api, { daemon, specs }, declared) {
  const own = declared.filter((name) => name !== GENERIC);

  function tool(name) {
    const { tools, notice } = specs.current();
    const spec = name === GENERIC ? genericSpec(tools, own) : tools[name];
    if (!spec) return null; // the task was removed since the plugin was loaded, or every task has its own tool
    const { label, description, parameters } = spec;
    return {
      name,
      label,
      description,
      parameters,
      prepareArguments: (args) => prepared(args, parameters),
      catalogMode: "direct-only", // keeps the full schema in the request when Tool Search hides other tools
      async execute(_toolCallId, params, signal) {
        const [task, input] = name === GENERIC ? [params.task, params.input ?? {}] : [name, params];
        return answer(await daemon.call(task, input, signal, specs.effectOf(task)), notice);
      },
    };
  }

  for (const name of declared) api.registerTool(() => tool(name), { name });

  // A tool that changes something asks the owner first, through OpenClaw's approvals.
  api.on?.("before_tool_call", ({ toolName, params }) => {
    if (!declared.includes(toolName)) return undefined;
    const task = toolName === GENERIC ? params.task : toolName;
    // The daemon decides about a task that is not in this list: agents have its `read` scope.
    const known = specs.current().tools[task];
    return known && approvalFor(task, known.effect ?? "write");
  });
}

// A single text where a list is asked for is one of that list; OpenClaw itself makes numbers of numbers in quotes.
function prepared(args, { properties }) {
  if (typeof args !== "object" || args === null) return args;
  const fits = ([name, value]) => [name, properties[name]?.type === "array" && typeof value === "string" && !value.startsWith("[") ? [value] : value];
  return Object.fromEntries(Object.entries(args).map(fits));
}

function answer(result, notice) {
  // Said once, and outside the fence.
  const { untrusted, ...said } = result;
  return { content: [{ type: "text", text: fenced(JSON.stringify(said), notice) }], details: { result } };
}
