// OpenAI's JavaScript client as it is installed: one call, and what came of it as one JSON document.
//
//   node openai_node.mjs CALL '{"arguments": {…}, "client": {…}}'

import OpenAI from "openai";

const MODEL = "fal-ai/flux-1/dev";

const CALLS = {
  generate: ({ client, arguments: asked, options }) =>
    new OpenAI(client).images.generate({ model: MODEL, ...asked }, options),

  async stream({ arguments: asked }) {
    const events = [];
    const stream = await new OpenAI().images.generate({ model: MODEL, ...asked, stream: true });
    for await (const event of stream) events.push(event);
    return events;
  },

  async models() {
    const client = new OpenAI();
    const listed = [];
    for await (const model of client.models.list()) listed.push(model.id);
    return {
      listed,
      one: await client.models.retrieve(MODEL),
      none: await attempt(() => client.models.retrieve("fal-ai/no/such")),
    };
  },
};

async function attempt(call) {
  try {
    return { returned: await call() };
  } catch (error) {
    const { message: text, status: status_code, code, param, type, requestID: request_id } = error;
    return { raised: { class: error.constructor.name, text, status_code, code, param, type, request_id } };
  }
}

const [name, given] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await attempt(() => CALLS[name](JSON.parse(given)))));
