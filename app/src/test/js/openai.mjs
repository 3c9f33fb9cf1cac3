// OpenAI's own JavaScript client, as it is published. Arguments: the server's address, its key, an image as a data URL.

import assert from "node:assert/strict";
import OpenAI from "openai";

const [address, apiKey, image] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey, maxRetries: 0 });
const model = (await client.models.list()).data[0].id;

const drawn = await client.images.generate({ model, prompt: "a red square", size: "64x48", n: 2, seed: 7 });
assert.equal(drawn.data.length, 2);
assert.equal(Buffer.from(drawn.data[0].b64_json, "base64").subarray(1, 4).toString(), "PNG");
assert.equal(drawn.usage.output_tokens, 24);
const linked = await client.images.generate({ model, prompt: "a red square", size: "64x48", response_format: "url", seed: 7 });
const file = Buffer.from(await (await fetch(linked.data[0].url)).arrayBuffer());
assert.equal(file.toString("base64"), drawn.data[0].b64_json);

const partial = [];
let completed = "";
for await (const event of await client.images.generate({ model, prompt: "a red square", size: "64x48", seed: 7, stream: true, partial_images: 1 })) {
  if (event.type === "image_generation.partial_image") partial.push(event.b64_json);
  if (event.type === "image_generation.completed") completed = event.b64_json;
}
assert.equal(completed, drawn.data[0].b64_json);
assert.ok(partial.length === 1 && partial[0] !== completed);

const messages = [{ role: "user", content: [{ type: "text", text: "What is it?" }, { type: "image_url", image_url: { url: image } }] }];
const chat = { model, messages, temperature: 1, seed: 3, max_tokens: 6 };
const answer = await client.chat.completions.create(chat);
assert.ok(answer.choices[0].message.content.length > 0);
assert.equal(answer.usage.completion_tokens, 6);
let streamed = "";
let usage = null;
for await (const chunk of await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(streamed, answer.choices[0].message.content);
assert.equal(usage.completion_tokens, 6);

const turn = await client.chat.completions.create({ model, messages: [{ role: "user", content: "a cat" }], xomni_draw: { size: "48x32" } });
const later = await client.chat.completions.create({
  model, max_tokens: 3, messages: [{ role: "user", content: "a cat" }, turn.choices[0].message, { role: "user", content: "What is it?" }],
});
assert.ok(later.usage.prompt_tokens > turn.usage.completion_tokens);

await assert.rejects(client.images.generate({ model, prompt: "a", size: "1x1" }), (e) => e instanceof OpenAI.BadRequestError && e.status === 400);
await assert.rejects(client.chat.completions.create({ ...chat, model: "gpt-0" }), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
await assert.rejects(new OpenAI({ baseURL: `${address}/v1`, apiKey: "wrong", maxRetries: 0 }).models.list(), (e) => e instanceof OpenAI.AuthenticationError);
console.log("all is well");
