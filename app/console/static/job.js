// An open job's page: what changes is asked for every two seconds while somebody looks, until the job has ended.
const EVERY_MS = 2000;
const now = document.getElementById("now");
let timer = 0;

async function refresh() {
  try {
    const answer = await fetch(now.dataset.address, { headers: { accept: "text/html" } });
    // Signed out, or gone: the next page that is opened says so.
    if (answer.redirected || answer.status === 404) return;
    if (answer.ok) show(await answer.text());
  } catch {
    // The gateway is not there for a moment; the next look may find it.
  }
  if (!now.querySelector("[data-final]")) wait();
}

function show(text) {
  const reader = getSelection();
  const isReading = reader.type === "Range" && now.contains(reader.anchorNode);
  const fresh = new DOMParser().parseFromString(text, "text/html").body;
  const isFinal = fresh.querySelector("[data-final]") !== null;
  if (isReading && !isFinal) return;
  now.replaceChildren(...fresh.childNodes);
  now.dispatchEvent(new Event("shown", { bubbles: true }));
  if (isFinal) document.getElementById("cancel")?.remove();
}

function wait() {
  clearTimeout(timer);
  if (document.visibilityState === "visible") timer = setTimeout(refresh, EVERY_MS);
}

document.addEventListener("visibilitychange", () => {
  if (!now.querySelector("[data-final]")) wait();
});
wait();
