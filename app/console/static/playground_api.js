// The gateway's own routes, called with the sign-in of this page.

import { parse, toJson } from "./playground_json.js";

const csrfToken = document.querySelector('meta[name="csrf-token"]').content;

// An answer that is not a success, in words for people.
export class Refused extends Error {
  constructor(status, body, retryAfter, jobId) {
    super(wordsFor(status, body, retryAfter));
    this.status = status;
    this.problems = Array.isArray(body?.detail) ? body.detail : null;
    this.jobId = jobId;
  }
}

function wordsFor(status, body, retryAfter) {
  const said = typeof body?.detail === "string" ? body.detail : `The gateway answered with status ${status}.`;
  if (status === 401) return `${said} Load the page anew to sign in.`;
  if (status === 402) return `The budget does not allow it. ${said}`;
  return retryAfter ? `${said} Try again in ${retryAfter} ${retryAfter === "1" ? "second" : "seconds"}.` : said;
}

export async function call(method, path, { body, headers = {}, signal } = {}) {
  const sent = body === undefined ? {} : { "content-type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, {
      method,
      signal,
      headers: { ...sent, ...(method === "GET" ? {} : { "x-fluxgate-csrf": csrfToken }), ...headers },
      body: body === undefined ? undefined : toJson(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The gateway cannot be reached at this moment.");
  }
  const told = parsed(await answer.text());
  if (!answer.ok) throw new Refused(answer.status, told, answer.headers.get("retry-after"), answer.headers.get("x-fal-request-id"));
  return { told, headers: answer.headers };
}

function parsed(text) {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Under the same key the same request is one job, however often it is sent.
export const newKey = () => hex(crypto.getRandomValues(new Uint8Array(16)));
export async function submit(model, input, key) {
  return (await call("POST", `/${model}`, { body: input, headers: { "idempotency-key": key } })).told.request_id;
}

const appOf = (model) => model.split("/").slice(0, 2).join("/");
export const jobPath = (model, id) => `/${appOf(model)}/requests/${id}`;
export const cancel = (model, id) => call("PUT", `${jobPath(model, id)}/cancel`);
export const status = async (model, id) => (await call("GET", `${jobPath(model, id)}/status?logs=1`)).told;
export const job = async (id) => (await call("GET", `/api/jobs/${id}`)).told;
export const jobsOf = async (key, limit) => (await call("GET", `/api/jobs?${new URLSearchParams({ key, limit })}`)).told.items;
export const price = async (model, input, signal) => (await call("POST", "/playground/price", { body: { model, input }, signal })).told;
export const picture = (id, index, size) => `/console/pictures/${id}/${index}?size=${size}`;

// Puts a file into the gateway's own store; the job then names its address.
export async function upload(file) {
  const begun = await call("POST", "/storage/upload/initiate", { body: { content_type: file.type, file_name: file.name } });
  // The page may be open at another address than the one that callers use.
  const { pathname, search } = new URL(begun.told.upload_url);
  const answer = await fetch(pathname + search, { method: "PUT", headers: { "content-type": file.type }, body: file });
  if (!answer.ok) {
    const told = parsed(await answer.text());
    throw new Error(typeof told?.detail === "string" ? told.detail : `This picture was not taken (${answer.status}).`);
  }
  return begun.told.file_url;
}
