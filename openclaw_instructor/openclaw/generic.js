// The generic tool: it runs a task by name that the loaded manifest does not declare yet, such as one added a minute ago.

export const GENERIC = "instructor_task";

// `tools` are the specs as they are now, `declared` the names that have a tool of their own; null when that is all of them.
export function genericSpec(tools, declared) {
  const names = Object.keys(tools).filter((name) => !declared.includes(name));
  if (!names.length) return null;
  return {
    label: "Instructor task",
    description: `Run one of these tasks by name; they have no tool of their own yet:\n${names.map((name) => `- ${tools[name].line}`).join("\n")}`,
    parameters: {
      type: "object",
      properties: {
        task: { type: "string", enum: names, description: "Name of the task." },
        input: { type: "object", description: "The arguments of that task." },
      },
      required: ["task", "input"],
      additionalProperties: false,
    },
  };
}
