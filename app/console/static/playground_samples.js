// The request as code, in the words of docs/clients.md and of QuickRouter's page; and the tabs that show it.

import { toJavaScript, toJson, toPython } from "./playground_json.js";

// Linux takes no longer argument than 128 kB.
const ARGUMENT_BYTES = 100_000;

const SAMPLES = [
  ["curl", "curl", curl],
  ["fetch", "JavaScript", plainFetch],
  ["fal-js", "@fal-ai/client", falJavaScript],
  ["http-client", "Python", httpClient],
  ["httpx", "httpx", httpx],
  ["fal-python", "fal_client", falPython],
];

function curl({ address, model, input }) {
  const body = toJson(input, "    ");
  const head = `curl --location --request POST '${address}/${model}' \\
--header "Authorization: Bearer $FLUXGATE_KEY" \\
--header 'Content-Type: application/json' \\
`;
  if (new TextEncoder().encode(body).length > ARGUMENT_BYTES) return `${head}--data-binary @- <<'JSON'\n${body}\nJSON`;
  return `${head}--data-raw '${body.replaceAll("'", "'\\''")}'`;
}

function plainFetch({ address, model, input }) {
  return `var myHeaders = new Headers();
myHeaders.append("Authorization", "Bearer " + process.env.FLUXGATE_KEY);
myHeaders.append("Content-Type", "application/json");

var raw = JSON.stringify(${toJavaScript(input, "  ")});

var requestOptions = {
  method: 'POST',
  headers: myHeaders,
  body: raw,
  redirect: 'follow'
};

fetch("${address}/${model}", requestOptions)
  .then(response => response.text())
  .then(result => console.log(result))
  .catch(error => console.log('error', error));`;
}

function falJavaScript({ address, model, input }) {
  return `import { fal } from "@fal-ai/client";

fal.config({
  credentials: process.env.FLUXGATE_KEY,
  proxyUrl: { url: "${address}/api/fal/proxy", when: "always" },
});

const { data, requestId } = await fal.subscribe("${model}", {
  input: ${toJavaScript(input, "  ", "  ")},
});
console.log(data.images[0].url);`;
}

function httpClient({ address, model, input }) {
  const { protocol, host, pathname } = new URL(address);
  const kind = protocol === "https:" ? "HTTPSConnection" : "HTTPConnection";
  return `import http.client
import json
import os

conn = http.client.${kind}("${host}")
payload = json.dumps(${toPython(input, "  ")})
headers = {
  'Authorization': 'Bearer ' + os.environ['FLUXGATE_KEY'],
  'Content-Type': 'application/json'
}
conn.request("POST", "${pathname.replace(/\/$/, "")}/${model}", payload, headers)
res = conn.getresponse()
data = res.read()
print(data.decode("utf-8"))`;
}

function httpx({ address, model, input }) {
  return `import os

import httpx

answer = httpx.post(
    "${address}/${model}",
    headers={"Authorization": "Bearer " + os.environ["FLUXGATE_KEY"]},
    json=${toPython(input, "    ", "    ")},
    timeout=60,
)
answer.raise_for_status()
print(answer.text)`;
}

function falPython({ address, model, input }) {
  return `import os

import fal_client

fal_client.client.QUEUE_URL_FORMAT = "${address}/"
fal_client.client.RUN_URL_FORMAT = "${address}/run/"

client = fal_client.SyncClient(key=os.environ["FLUXGATE_KEY"])
result = client.subscribe(
    "${model}",
    arguments=${toPython(input, "    ", "    ")},
)
print(result["images"][0]["url"])`;
}

// Tabs by the pattern of the ARIA practices: one stop for the Tab key, arrows within.
export class Samples {
  #tabs = [];
  #request = null;

  constructor(place) {
    const list = element("div", { role: "tablist", "aria-label": "Language or client", className: "tabs" });
    place.append(list);
    for (const [id, name, write] of SAMPLES) {
      const tab = element("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}` }, name);
      const text = element("pre", { id: `sample-${id}`, tabindex: "0", "aria-label": `${name} sample` });
      const copy = element("button", { type: "button", className: "quiet copy", "data-copy": `sample-${id}` }, "Copy");
      const panel = element("div", { role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, className: "panel" });
      panel.append(text, copy);
      list.append(tab);
      place.append(panel);
      this.#tabs.push({ tab, panel, text, write });
      tab.addEventListener("click", () => this.#choose(tab));
    }
    list.addEventListener("keydown", (event) => this.#move(event));
    this.#choose(this.#tabs[0].tab);
  }

  show(request) {
    this.#request = request;
    const chosen = this.#tabs.find(({ panel }) => !panel.hidden);
    chosen.text.textContent = chosen.write(request);
  }

  #choose(chosen) {
    for (const { tab, panel } of this.#tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      panel.hidden = !isChosen;
    }
    if (this.#request) this.show(this.#request);
  }

  #move(event) {
    const tabs = this.#tabs.map(({ tab }) => tab);
    const here = tabs.indexOf(document.activeElement);
    const there = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (here < 0 || there === undefined) return;
    event.preventDefault();
    const tab = tabs[(there + tabs.length) % tabs.length];
    this.#choose(tab);
    tab.focus();
  }
}

function element(name, attributes, text = "") {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute === "className") made.className = value;
    else made.setAttribute(attribute, value);
  }
  made.textContent = text;
  return made;
}
