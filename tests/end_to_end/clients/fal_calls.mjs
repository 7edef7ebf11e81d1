// fal's JavaScript client as it is installed: one call, and what came of it. The same calls are made in Node
// (fal_node.mjs) and, bundled, in a browser's page (page.mjs).

import { createFalClient } from "@fal-ai/client";

const MODEL = "fal-ai/flux-1/dev";

// The two ways to have the client call somewhere else than fal.
const WAYS = {
  middleware: ({ gateway, headers = {} }) => ({
    requestMiddleware: async (request) => ({
      ...request,
      url: request.url
        .replace("https://queue.fal.run", gateway)
        .replace("https://fal.run", `${gateway}/run`)
        .replace("https://rest.fal.ai", gateway),
      headers: { ...request.headers, ...headers },
    }),
  }),
  proxy: ({ gateway }) => ({ proxyUrl: { url: `${gateway}/api/fal/proxy`, when: "always" } }),
  // fal's own proxy in between: the gateway is the target that it is told of.
  chain: ({ gateway, proxy }) => ({
    ...WAYS.middleware({ gateway }),
    proxyUrl: { url: proxy, when: "always" },
  }),
};

function clientFor(given) {
  return createFalClient({
    credentials: given.key,
    suppressLocalCredentialsWarning: true,
    ...WAYS[given.way](given),
  });
}

const CALLS = {
  async subscribe(fal, { model = MODEL, input, options }) {
    const seen = { requestId: null, statuses: [], logs: [] };
    const { data, requestId } = await fal.subscribe(model, {
      input,
      logs: true,
      onEnqueue: (id) => { seen.requestId = id; },
      onQueueUpdate: (update) => {
        seen.statuses.push(update.status);
        if (update.logs?.length) seen.logs = update.logs;
      },
      ...options,
    });
    return { ...seen, data, requestIdOfResult: requestId };
  },

  async queue(fal, { input, options }) {
    const submitted = await fal.queue.submit(MODEL, { input, ...options });
    const requestId = submitted.request_id;
    const first = await fal.queue.status(MODEL, { requestId, logs: true });
    const early = await attempt(() => fal.queue.result(MODEL, { requestId }));
    const last = await fal.queue.subscribeToStatus(MODEL, { requestId, logs: true, pollInterval: 100 });
    const result = await fal.queue.result(MODEL, { requestId });
    return { submitted, first, early, last, result };
  },

  async run(fal, { input, options }) {
    return await fal.run(MODEL, { input, ...options });
  },

  async stream(fal, { input }) {
    const stream = await fal.stream(MODEL, { input });
    // Whoever only reads the events ends with an unhandled rejection when the job fails.
    const done = stream.done();
    const events = [];
    stream.on("data", (event) => events.push(event));
    return { last: await done, events, requestId: stream.requestId };
  },

  async streamStatus(fal, { input }) {
    const { request_id: requestId } = await fal.queue.submit(MODEL, { input });
    const stream = await fal.queue.streamStatus(MODEL, { requestId, logs: true });
    const events = [];
    stream.on("data", (event) => events.push(event));
    const last = await stream.done();
    return { requestId, requestIdOfStream: stream.requestId, events, last };
  },

  async upload(fal, { input, picture }) {
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
    // Whatever is a Blob in the input is brought first, and its address sent in its place.
    const image_url = new Blob([bytes], { type: "image/png" });
    const { data } = await fal.subscribe(`${MODEL}/image-to-image`, { input: { ...input, image_url } });
    return { data, url: await fal.storage.upload(image_url) };
  },

  async cancel(fal, { input, unknownId }) {
    const { request_id: requestId } = await fal.queue.submit(MODEL, { input });
    await fal.queue.cancel(MODEL, { requestId });
    const last = await fal.queue.subscribeToStatus(MODEL, { requestId, pollInterval: 100 });
    return {
      requestId,
      last,
      result: await attempt(() => fal.queue.result(MODEL, { requestId })),
      again: await attempt(() => fal.queue.cancel(MODEL, { requestId })),
      unknown: await attempt(() => fal.queue.cancel(MODEL, { requestId: unknownId })),
    };
  },
};

async function attempt(call) {
  try {
    return { returned: (await call()) ?? null };
  } catch (error) {
    return { raised: described(error) };
  }
}

function described(error) {
  const { name, message, status, body, requestId } = error;
  return { class: error.constructor.name, name, message, status, body, requestId, fieldErrors: error.fieldErrors };
}

export const call = (name, given) => attempt(() => CALLS[name](clientFor(given), given));
