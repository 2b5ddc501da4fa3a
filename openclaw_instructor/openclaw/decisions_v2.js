// Version 2 of OpenClaw's decision contract: other forms of evidence, more kinds of questions, and abstention.

const ANSWERED = ["boolean", "choice", "score"];

// The batch as version 1 has it, without the questions that are not answered here; null where the evidence is an image.
export function batchFromV2({ state, questions }) {
  if (state.type === "image") return null;
  const evidence = state.type === "text" ? state.text : state.type === "json" ? state.value : state.items.map((item) => item.content);
  const known = Object.entries(questions).filter(([, { type }]) => ANSWERED.includes(type));
  return { state: evidence, questions: Object.fromEntries(known) };
}

// The daemon's answers, `abstained` being the reason why a registry task gave no label.
export function answersV2({ questions }, { model, answers, usage }) {
  const all = {};
  for (const [id, question] of Object.entries(questions)) {
    const answer = answers[id];
    if (!answer) {
      all[id] = { type: "error", code: "unsupported-input", providerCode: `no ${question.type} questions` };
      continue;
    }
    const { abstained, task, ...said } = answer;
    const metadata = { ...(task && { task }), ...(abstained && { abstained }) };
    all[id] = { ...said, ...(abstained && { choice: null }), ...(Object.keys(metadata).length && { metadata }) };
  }
  return { model, answers: all, ...(usage && { usage }) };
}
