// What the page of the browser tests runs: the same calls as in Node, from another origin. Bundled by esbuild.

import { call } from "./fal_calls.mjs";

globalThis.call = call;
