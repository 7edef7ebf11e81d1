// Keeps the parts of a page fresh that name an address in data-live. Rests while nobody looks; asks more and
// more rarely while the gateway is away, and says so.

const LONGEST_SECONDS = 60;
const PATIENCE_SECONDS = 10;

class LivePart {
  failures = 0;
  timer = 0;

  constructor(element) {
    this.element = element;
    this.every = Number(element.dataset.everySeconds);
    this.word = document.getElementById(element.dataset.says);
    this.seenAt = new Date();
    this.wait(this.every);
  }

  wait(seconds) {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.look(), seconds * 1000);
  }

  async look() {
    clearTimeout(this.timer);
    try {
      const answer = await fetch(this.element.dataset.live, {
        redirect: "manual", signal: AbortSignal.timeout(PATIENCE_SECONDS * 1000),
      });
      if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(`${answer.status}`);
      this.show(await answer.text());
    } catch {
      this.failures += 1;
    }
    const seconds = Math.min(this.every * 2 ** this.failures, Math.max(LONGEST_SECONDS, this.every));
    this.say(seconds);
    this.wait(seconds);
  }

  show(markup) {
    const fresh = new DOMParser().parseFromString(markup, "text/html").body;
    fitChildren(this.element, fresh);
    this.element.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
    this.failures = 0;
    this.seenAt = new Date();
  }

  say(seconds) {
    this.element.classList.toggle("stale", this.failures > 0);
    if (!this.word) return;
    const word = this.failures
      ? `The gateway does not answer: this is of ${this.seenAt.toLocaleTimeString()}, the next try is in ${Math.round(seconds)} s`
      : "Live";
    // Only what is new is said to those who listen.
    if (this.word.textContent !== word) this.word.textContent = word;
    this.word.classList.toggle("away", this.failures > 0);
  }
}

// Changes only what differs, so that open details, the focus and the place in a table stay.
function fitChildren(old, fresh) {
  const before = [...old.childNodes], after = [...fresh.childNodes];
  after.forEach((node, place) => (before[place] ? fit(before[place], node) : old.append(node)));
  before.slice(after.length).forEach((node) => node.remove());
}

function fit(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  fitChildren(old, fresh);
}

const parts = [...document.querySelectorAll("[data-live]")].map((element) => new LivePart(element));

document.addEventListener("visibilitychange", () => {
  for (const part of parts) document.hidden ? clearTimeout(part.timer) : part.look();
});
