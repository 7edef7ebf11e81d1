// fal's own proxy as it is installed, in front of the gateway.
//
//   node server_proxy.mjs PORT

import express from "express";
import { createHandler, route } from "@fal-ai/server-proxy/express";

const gateway = process.env.FLUXGATE_URL;
const app = express();
app.use(express.json());
app.all(
  route,
  createHandler({
    allowedUrlPatterns: [`${new URL(gateway).host}/**`],
    allowedEndpoints: ["fal-ai/flux-1/**", "run/fal-ai/flux-1/**"],
    allowUnauthorizedRequests: true,
    resolveFalAuth: async () => `Bearer ${process.env.FLUXGATE_KEY}`,
  }),
);
app.get("/", (_, response) => response.send("here"));
app.listen(Number(process.argv[2]), "127.0.0.1");
