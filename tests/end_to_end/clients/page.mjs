// What the page of the browser tests runs: the same calls as in Node, from another origin. Bundled by esbuild.

import OpenAI from "openai";
import { call } from "./fal_calls.mjs";

globalThis.call = call;

// OpenAI's client refuses to run in a page unless it is told that the credential is made to be seen there.
globalThis.generate = async (baseURL, apiKey, prompt) => {
  const client = new OpenAI({ baseURL, apiKey, dangerouslyAllowBrowser: true });
  return (await client.images.generate({ model: "fal-ai/flux-1/dev", prompt })).data[0].url;
};
