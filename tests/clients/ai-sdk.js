// Vercel's AI SDK: by its provider for OpenAI, and by that for whatever speaks as OpenAI does.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, embedMany } from "ai";

const [baseURL, ...values] = process.argv.slice(2);
const openai = createOpenAI({ baseURL, apiKey: "any" });
const compatible = createOpenAICompatible({ name: "sakuin", baseURL });
const own = compatible.textEmbeddingModel("default");
const many = await embedMany({
  model: openai.textEmbeddingModel("text-embedding-3-small"),
  values,
  providerOptions: { openai: { dimensions: 256 } },
});
const one = await embed({ model: own, value: values[0], providerOptions: { sakuin: { dimensions: 256 } } });
const refused = await embed({ model: compatible.textEmbeddingModel("gpt"), value: "a", maxRetries: 0 }).then(
  () => null,
  (error) => error.message,
);
console.log(JSON.stringify({ many: many.embeddings, tokens: many.usage.tokens, one: one.embedding, refused }));
