// Answers OpenClaw's typed decisions (choice, score, yes or no) by the daemon's classifier.

import { answersV2, batchFromV2 } from "./decisions_v2.js";

const PATH = "/v1/decisions";

// `manifest` says which version of the contract the host that reads it knows.
export function registerDecisions(api, { daemon }, manifest) {
  const [id] = manifest.contracts.decisionProviders ?? [];
  if (!id || !api.registerDecisionProvider) return;
  const evaluate = async (batch, { model, signal }) => outcomeOf(() => daemon.ask(PATH, { model, ...batch }, signal), signal);
  if (!manifest.modelCatalog) {
    api.registerDecisionProvider({
      id,
      contractVersion: 1,
      isReady: () => true, // there is no credential to wait for; the daemon starts when it is asked
      evaluate: async (batch, context) => {
        const outcome = await evaluate(batch, context);
        return outcome.status === "ok" ? { status: "ok", result: resultV1(outcome.result) } : outcome;
      },
    });
    return;
  }
  api.registerDecisionProvider({
    id,
    contractVersion: 2,
    provider: {
      label: manifest.name,
      auth: [],
      authScope: "plugin",
      resolveSyntheticAuth: () => ({ apiKey: manifest.nonSecretAuthMarkers[0], source: manifest.id, mode: "api-key" }),
    },
    evaluate: async (batch, context) => {
      const known = batchFromV2(batch);
      if (!known) return { status: "unavailable", reason: "unsupported-input" };
      if (!Object.keys(known.questions).length) return { status: "ok", result: answersV2(batch, { model: context.model.id, answers: {} }) };
      const outcome = await evaluate(known, { model: context.model.id, signal: context.signal });
      return outcome.status === "ok" ? { status: "ok", result: answersV2(batch, outcome.result) } : outcome;
    },
  });
}

async function outcomeOf(ask, signal) {
  try {
    return { status: "ok", result: await ask() };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    return { status: "unavailable", reason: reasonOf(error) };
  }
}

// What the caller has to change does not count against the provider's health; everything else does.
function reasonOf({ status }) {
  if (status === undefined) return "transport";
  if (status === 429) return "rate-limited";
  return status >= 400 && status < 500 && status !== 401 ? "unsupported-input" : "transport";
}

function resultV1({ model, answers, usage }) {
  const strict = {};
  for (const [id, { type, choice, probabilities, score, probabilityTrue }] of Object.entries(answers)) {
    strict[id] =
      type === "choice" ? { type, choice, probabilities } : type === "score" ? { type, score, probabilities } : { type, probabilityTrue };
  }
  return { model, answers: strict, usage };
}
