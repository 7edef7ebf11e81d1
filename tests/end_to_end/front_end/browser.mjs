// As much of a browser as the example page needs: its elements, and a fetch that asks what a browser would ask
// before a page may call another origin, and that hides what a browser would hide.
//
//   node browser.mjs http://localhost:3000/ "a prompt"
//
// prints what the visitor would see, as JSON, once the page is done.

const page = new URL(process.argv[2]);
const SAFE_REQUEST_HEADERS = new Set(["accept", "accept-language", "content-language"]);
const SAFE_TYPES = new Set(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]);
const SAFE_METHODS = new Set(["GET", "HEAD", "POST"]);
const SAFE_ANSWER_HEADERS = ["cache-control", "content-language", "content-length", "content-type", "expires",
  "last-modified", "pragma"];
const preflights = [];

const words = (value) => (value ?? "").split(",").map((word) => word.trim().toLowerCase()).filter(Boolean);
const isSafe = ([name, value]) =>
  SAFE_REQUEST_HEADERS.has(name) || (name === "content-type" && SAFE_TYPES.has(value.split(";")[0]));

function requireAllowed(answer, what) {
  const allowed = answer.headers.get("access-control-allow-origin");
  if (allowed !== page.origin) throw new TypeError(`CORS: ${what}: ${page.origin} is not ${allowed}`);
}

async function preflight(url, method, unsafe) {
  const answer = await fetch(url, {
    method: "OPTIONS",
    headers: {
      origin: page.origin,
      "access-control-request-method": method,
      ...(unsafe.length && { "access-control-request-headers": unsafe.join(",") }),
    },
  });
  preflights.push(`${method} ${unsafe.join(",")}`);
  if (!answer.ok) throw new TypeError(`CORS: the preflight was answered ${answer.status}`);
  requireAllowed(answer, "preflight");
  const methods = words(answer.headers.get("access-control-allow-methods"));
  if (!SAFE_METHODS.has(method) && !methods.includes(method.toLowerCase())) throw new TypeError(`CORS: ${method}`);
  const headers = words(answer.headers.get("access-control-allow-headers"));
  for (const name of unsafe) if (!headers.includes(name)) throw new TypeError(`CORS: ${name}`);
}

async function browserFetch(address, options = {}) {
  const url = new URL(address, page);
  if (url.origin === page.origin) return fetch(url, options);
  const headers = new Headers(options.headers);
  const method = options.method ?? "GET";
  const unsafe = [...headers].filter((header) => !isSafe(header)).map(([name]) => name).sort();
  if (unsafe.length || !SAFE_METHODS.has(method)) await preflight(url, method, unsafe);
  const answer = await fetch(url, { ...options, headers: { ...Object.fromEntries(headers), origin: page.origin } });
  requireAllowed(answer, "answer");
  const visible = new Set([...SAFE_ANSWER_HEADERS, ...words(answer.headers.get("access-control-expose-headers"))]);
  const shown = [...answer.headers].filter(([name]) => visible.has(name) && name !== "content-length");
  return new Response(await answer.arrayBuffer(), { status: answer.status, headers: shown });
}

const html = await (await fetch(page)).text();
const [, script] = html.match(/<script type="module">([\s\S]*)<\/script>/);
const elements = new Map();
for (const [, id] of html.matchAll(/ id="(\w+)"/g)) {
  const listeners = {};
  elements.set(id, { listeners, addEventListener: (name, listener) => { listeners[name] = listener; } });
}
const document = { getElementById: (id) => elements.get(id) };
const AsyncFunction = (async () => {}).constructor;
await new AsyncFunction("document", "fetch", script)(document, browserFetch);

elements.get("prompt").value = process.argv[3];
await elements.get("form").listeners.submit({ preventDefault() {} });
const { textContent } = elements.get("status");
const { src, alt, hidden } = elements.get("picture");
console.log(JSON.stringify({ status: textContent, src, alt, hidden, preflights }));
