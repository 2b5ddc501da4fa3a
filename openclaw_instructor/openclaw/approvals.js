// Asks the owner before a tool runs, through OpenClaw's `before_tool_call` hook.

const ONCE = ["allow-once", "deny"];

// `effect` is "read", "write" or "destroy"; a tool that only reads asks nothing.
export function approvalFor(task, effect) {
  if (effect === "read") return undefined;
  const destroys = effect === "destroy";
  const requireApproval = {
    title: `openclaw-instructor: ${task}`.slice(0, 80),
    description: destroys ? `The task ${task} may remove data of openclaw-instructor.` : `The task ${task} changes data of openclaw-instructor.`,
    severity: destroys ? "critical" : "warning",
    ...(destroys && { allowedDecisions: ONCE }),
  };
  return { requireApproval };
}
