// An open job's page: what changes is asked for every two seconds while somebody looks, until the job has ended.

const EVERY_MS = 2000;
const address = document.querySelector("meta[name=job-now]").content;
let timer = 0;

const isFinal = () => document.querySelector("[data-final]") !== null;

async function refresh() {
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    // Signed out, or gone: the next page that is opened says so.
    if (answer.redirected || answer.status === 404) return;
    if (answer.ok) show(await answer.text());
  } catch {
    // The gateway is not there for a moment; the next look may find it.
  }
  wait();
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const old = document.getElementById(part.id);
    // What somebody has marked to copy it stays until the end.
    const marked = getSelection();
    const isMarked = marked.type === "Range" && old.contains(marked.anchorNode);
    if (isMarked && !fresh.querySelector("[data-final]")) continue;
    old.replaceWith(part);
    part.dispatchEvent(new Event("shown", { bubbles: true }));
  }
  if (isFinal()) document.getElementById("cancel")?.remove();
}

function wait() {
  clearTimeout(timer);
  if (document.visibilityState === "visible" && !isFinal()) timer = setTimeout(refresh, EVERY_MS);
}

document.addEventListener("visibilitychange", wait);
wait();
