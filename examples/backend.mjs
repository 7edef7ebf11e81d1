// The backend of one page: it serves the page, and mints browser tokens with a key that never leaves it.
//
// Node 18 or newer, nothing to install. Let the gateway allow the page's origin, then start this:
//
//   FLUXGATE_CORS_ORIGINS=http://localhost:3000 make run
//   FLUXGATE_URL=http://127.0.0.1:8000 FLUXGATE_KEY=fg_... node examples/backend.mjs 3000
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const gateway = process.env.FLUXGATE_URL.replace(/\/$/, "");
const key = process.env.FLUXGATE_KEY;
const port = Number(process.argv[2] ?? 3000);
const origin = `http://localhost:${port}`;

// Asks the gateway for a token that one of our users may hold.
async function mintToken(endUser) {
  const answer = await fetch(`${gateway}/api/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      ttl_seconds: 600,
      origin,
      models: ["fal-ai/flux-1/dev"],
      max_images: 4,
      max_cost_usd: "0.20",
      end_user: endUser,
    }),
  });
  if (!answer.ok) throw new Error(`the gateway answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()).token;
}

async function answerTo(request) {
  if (request.method === "GET" && request.url === "/") {
    return [200, "text/html; charset=utf-8", await readFile(new URL("front-end.html", import.meta.url))];
  }
  if (request.method === "POST" && request.url === "/token") {
    // Here you find out who is logged in, and whether they may have one.
    const access = { gateway, token: await mintToken("a visitor") };
    return [200, "application/json", JSON.stringify(access)];
  }
  return [404, "text/plain", "Not found"];
}

createServer(async (request, response) => {
  const failed = (error) => {
    console.error(`no token: ${error.message}`);
    return [502, "text/plain", "No token"];
  };
  const [status, type, body] = await answerTo(request).catch(failed);
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
}).listen(port, "127.0.0.1");
