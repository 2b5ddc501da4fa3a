// Embeds OpenClaw's own memory with the daemon's model: no address, port or key stands in OpenClaw's configuration.

const PATH = "/v1/embeddings";

export function registerEmbeddings(api, { daemon }, manifest) {
  const [id] = manifest.contracts.embeddingProviders ?? [];
  if (!id || !api.registerEmbeddingProvider) return;
  api.registerEmbeddingProvider({
    id,
    transport: "local",
    create: async ({ model }) => {
      const embedBatch = async (inputs, { signal, inputType } = {}) => {
        const input = inputs.map((each) => (typeof each === "string" ? each : each.text));
        const input_type = inputType === "query" ? "query" : "passage";
        const { data } = await daemon.ask(PATH, { model, input, input_type }, signal);
        return data.map(({ embedding }) => embedding);
      };
      const embed = async (input, options) => (await embedBatch([input], options))[0];
      return { provider: { id, model, embed, embedBatch } };
    },
  });
}
