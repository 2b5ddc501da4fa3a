// Whether an agent may see the indexed documents through memory_search, by the tool policy that would show it the tool.

// `config` is OpenClaw's, `context` that of one call: { agentId?, sandboxed? }. What the policy says of the task counts,
// or of the plugin. A profile, which only chooses tools, does not hide documents; a list that leaves them out does.
export function maySee(config, { agentId, sandboxed }, pluginId, task) {
  const ours = (patterns) => (patterns ?? []).some((pattern) => [pluginId, "group:plugins"].includes(pattern) || matches(pattern, task));
  const entries = config?.agents?.entries ?? {};
  const agent = agentId === undefined ? undefined : entries[agentId]?.tools;
  // Without knowing whose call it is, the strictest agent decides.
  const agents = agentId === undefined ? Object.values(entries).map((entry) => entry?.tools) : [agent];
  for (const tools of [config?.tools, ...agents]) {
    if (ours(tools?.deny)) return false;
    if (tools?.allow?.length && !ours(tools.allow)) return false;
  }
  if (!sandboxed) return true;
  // As OpenClaw does: an agent's list takes the place of the global one; by default no plugin is let into a sandbox.
  const list = (key) => agents.map((tools) => tools?.sandbox?.tools?.[key]).find(Array.isArray) ?? config?.tools?.sandbox?.tools?.[key];
  if (ours(list("deny"))) return false;
  return ours(list("allow")) || ours(list("alsoAllow"));
}

function matches(pattern, name) {
  const parts = String(pattern).toLowerCase().split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(name.toLowerCase());
}
