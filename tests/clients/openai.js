// OpenAI's own client: texts to vectors, in both encodings, and an error.
import OpenAI from "openai";

const [baseURL, ...input] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
const vectors = (answer) => answer.data.map((item) => Array.from(item.embedding));
const ask = (options) => client.embeddings.create({ model: "text-embedding-3-small", input, dimensions: 256, ...options });

const models = [];
for await (const model of client.models.list()) models.push(model.id);
const refused = await ask({ dimensions: 5000 }).then(
  () => null,
  (error) => ({ status: error.status, message: error.message }),
);
console.log(
  JSON.stringify({
    models,
    refused,
    usual: vectors(await ask({})),
    numbers: vectors(await ask({ encoding_format: "float" })),
    own: vectors(await ask({ model: "default", input: input[0] })),
  }),
);
