// A plugin as others would write it: it asks OpenClaw for decisions and knows nothing of who answers them.

import { definePluginEntry } from "openclaw/plugin-sdk/plugin-entry";

export default definePluginEntry({
  id: "decision-consumer",
  name: "Decision consumer",
  description: "Asks OpenClaw for typed decisions.",
  register(api) {
    api.registerTool({
      name: "ask_decisions",
      description: "Ask for decisions: `batches` at once, each given up after `cancel_ms` if that is set.",
      parameters: {
        type: "object",
        properties: {
          batches: { type: "array", items: { type: "object" } },
          cancel_ms: { type: "integer" },
          timeout_ms: { type: "integer" },
        },
        required: ["batches"],
      },
      async execute(_id, { batches, cancel_ms: cancel, timeout_ms: timeoutMs = 30_000 }) {
        const outcomes = await Promise.all(
          batches.map((batch) => {
            const signal = cancel === undefined ? new AbortController().signal : AbortSignal.timeout(cancel);
            const options = { purpose: "tests", rubricVersion: "1", timeoutMs, signal };
            return api.runtime.decisions.evaluate(batch, options).catch((error) => ({ rejected: String(error?.name ?? error) }));
          }),
        );
        return { content: [{ type: "text", text: JSON.stringify(outcomes) }], details: { outcomes } };
      },
    });
  },
});
