// One generation as it is made: where it stands, what it says, and its pictures at the end.

import { cancel, job as jobOf, picture } from "./playground_api.js";
import { expectedSize, secondsWords, shortened, usdWords } from "./playground_words.js";

const TICK_MS = 200;
const SVG = "http://www.w3.org/2000/svg";
const PLACES_LIMIT = 4;
const OPEN = ["accepted", "submitting", "unknown", "queued", "running", "fetching"];
const SHOWN_AS = { IN_QUEUE: "queued", IN_PROGRESS: "running", COMPLETED: "fetching" };

export const isOpen = (state) => OPEN.includes(state);

export class Card {
  #state = "";
  #percent = null;

  // `page` has `announce`, `useSeed`, `useSettings` and `ended`.
  constructor(page, { id, model, prompt, input, createdAt }) {
    this.page = page;
    this.id = id;
    this.model = model;
    this.input = input;
    this.startedAt = createdAt;
    this.element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.element.dataset.job = id;
    this.element.setAttribute("aria-label", `Job ${id}`);
    this.#part("prompt").textContent = shortened(prompt);
    this.#part("prompt").title = shortened(prompt);
    this.#part("page").href = `/console/jobs/${id}`;
    this.#part("cancel").addEventListener("click", () => this.#cancel());
    this.#part("again").addEventListener("click", () => page.useSettings(id));
    this.#part("use-seed").addEventListener("click", () => page.useSeed(this.seed));
    this.#keepPlaces();
    this.#show("queued", "");
    this.timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  hear(told, logs, isWhole) {
    const log = this.#part("log");
    const lines = logs.map((line) => line.message ?? JSON.stringify(line));
    log.textContent = (isWhole ? "" : log.textContent) + lines.map((line) => `${line}\n`).join("");
    this.#part("line").textContent = lines.at(-1) ?? this.#part("line").textContent;
    for (const line of lines) this.#percent = percentIn(line) ?? this.#percent;
    const isQueued = told.status === "IN_QUEUE";
    const place = isQueued && Number.isInteger(told.queue_position) ? placeWords(told.queue_position) : "";
    this.#show(SHOWN_AS[told.status] ?? "queued", place);
    const bar = this.#part("progress");
    if (this.#percent !== null && told.status === "IN_PROGRESS") {
      bar.max = 100;
      bar.value = this.#percent;
    }
    if (told.status === "COMPLETED") this.#end();
  }

  lost(error) {
    this.#stop();
    this.#fault(error.message);
  }

  #part(name) {
    return this.element.querySelector(`[data-${name}]`);
  }

  #show(state, place) {
    const word = this.#part("state");
    word.textContent = state;
    word.className = `state state-${state}`;
    this.#part("place").textContent = place;
    if (state === this.#state) return;
    this.#state = state;
    if (state === "running") this.page.announce("The pictures are being made.");
  }

  #tick() {
    const seconds = Math.max(0, (Date.now() - this.startedAt) / 1000);
    this.#part("elapsed").textContent = secondsWords(seconds);
  }

  #stop() {
    clearInterval(this.timer);
    this.element.classList.add("over");
    this.#part("line").textContent = "";
  }

  async #end() {
    this.#stop();
    let made;
    try {
      made = await jobOf(this.id);
    } catch (error) {
      this.#fault(error.message);
      return;
    }
    this.#show(made.state, "");
    this.#tellFacts(made);
    if (made.state === "succeeded") this.#showPictures(made);
    else this.#fault(made.error ?? `The job is ${made.state}.`);
    this.page.ended(this, made);
  }

  #tellFacts(made) {
    const seconds = (new Date(made.completed_at) - new Date(made.created_at)) / 1000;
    const hasSeed = made.seed !== null && made.seed !== undefined;
    this.seed = made.seed;
    this.#part("seed").textContent = hasSeed ? String(made.seed) : "–";
    this.#part("use-seed").hidden = !hasSeed;
    this.#part("cost").textContent = usdWords(made.cost_usd) + (Number(made.saved_usd) > 0 ? ` (${usdWords(made.saved_usd)} saved)` : "");
    this.#part("cache").textContent = made.cache ?? "–";
    this.#part("taken").textContent = secondsWords(seconds);
    this.#part("elapsed").textContent = "";
  }

  #fault(words) {
    const fault = this.#part("fault");
    fault.textContent = words;
    fault.hidden = false;
    this.#part("made").hidden = this.element.querySelector("img") === null;
  }

  // The pictures come into places that are free for them from the start, so that nothing moves.
  #keepPlaces() {
    const [width, height] = expectedSize(this.input);
    const asked = Number(this.input?.num_images ?? 1);
    const number = asked >= 1 && asked <= PLACES_LIMIT ? asked : 1;
    for (let index = 0; index < number; index += 1) this.#part("made").append(this.#place(width, height));
  }

  #place(width, height) {
    const place = document.createElement("figure");
    const frame = document.createElementNS(SVG, "svg");
    frame.setAttribute("viewBox", `0 0 ${width} ${height}`);
    frame.setAttribute("aria-hidden", "true");
    place.append(frame);
    return place;
  }

  #showPictures({ images, prompt }) {
    const made = this.#part("made");
    if (images === null) this.#fault("The answer is large; its pictures are on the job's page.");
    (images ?? []).forEach((image, index) => {
      const [width, height] = [image.width ?? 1024, image.height ?? 768];
      const place = made.children[index] ?? made.appendChild(this.#place(width, height));
      this.#fill(place, { index, number: images.length, prompt, width, height, type: image.content_type });
    });
  }

  #fill(place, { index, number, prompt, width, height, type }) {
    const address = picture(this.id, index, "whole");
    const shown = document.createElement("img");
    shown.alt = `Picture ${index + 1} of ${number}: ${(prompt ?? "").slice(0, 120)}`;
    shown.onerror = () => {
      const words = document.createElement("p");
      words.textContent = "This picture cannot be fetched.";
      shown.replaceWith(words);
    };
    shown.src = address;
    const save = document.createElement("a");
    save.href = address;
    save.download = `${this.id}-${index + 1}.${type?.split("/")[1] ?? "jpeg"}`;
    save.className = "save button quiet";
    save.textContent = "Download";
    save.title = `${width} × ${height}`;
    place.append(shown, save);
  }

  async #cancel() {
    const button = this.#part("cancel");
    button.disabled = true;
    this.page.announce("Cancelling.");
    try {
      await cancel(this.model, this.id);
      this.#part("place").textContent = "cancelling …";
    } catch (error) {
      if (isOpen(this.#state)) this.#part("place").textContent = error.status === 400 ? "too late to cancel" : error.message;
    }
  }
}

// Models write `40%` or `12/28` into their logs; others say nothing of how far they are.
function percentIn(line) {
  const [, percent] = /\b(\d{1,3})\s*%/.exec(line) ?? [];
  const [, done, all] = /\b(\d{1,4})\s*\/\s*(\d{1,4})\b/.exec(line) ?? [];
  if (percent) return Math.min(Number(percent), 100);
  return Number(all) > 0 ? Math.min((100 * Number(done)) / Number(all), 100) : null;
}

function placeWords(position) {
  return position === 0 ? "next in the queue" : `${position} before it in the queue`;
}
