// The playground: puts the form, the generations, the history and the samples together.

import { job as jobOf, jobsOf, newKey, picture, price, Refused, submit } from "./playground_api.js";
import { Card, isOpen } from "./playground_card.js";
import { Followers } from "./playground_follow.js";
import { RequestForm } from "./playground_form.js";
import { Samples } from "./playground_samples.js";
import { toJson } from "./playground_json.js";
import { momentWords, shortened, usdWords } from "./playground_words.js";

const QUIET_MS = 250;
const HISTORY_LENGTH = 24;
// A key may have many more under way than anybody watches here.
const FOLLOWED_AT_ONCE = 6;
// Of these no model has a default that is better for it.
const CARRIED = ["prompt", "image_url", "image_size", "num_images", "seed"];
// Whole pictures within a request say nothing about its price.
const LONGEST_PRICED = 1_000;

const byId = (id) => document.getElementById(id);

class Playground {
  #cards = new Map();
  #followers = new Followers();
  #asking = null;
  #unanswered = null;
  #wanted = null;
  #carried = {};
  #timer = null;

  constructor(root) {
    this.address = root.dataset.publicUrl;
    this.key = root.dataset.key;
    this.job = root.dataset.job;
    this.samples = new Samples(byId("samples"));
    this.#takeForm();
    byId("show").hidden = true;
    byId("model").addEventListener("change", () => {
      this.#carry(this.form.read());
      this.#goTo(byId("model").value, this.#carried);
    });
    if (this.key) this.#begin();
  }

  async #begin() {
    await this.#showHistory({ follows: true });
    if (this.job) await this.useSettings(this.job);
  }

  #takeForm() {
    const element = byId("request");
    this.form = new RequestForm(element, () => this.#changed());
    element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#generate();
    });
    byId("reset")?.addEventListener("click", () => this.form.write({}));
    this.#changed();
  }

  // Another model's form in place of this one; what is being made goes on.
  async #goTo(model, input) {
    const address = `/playground?${new URLSearchParams({ model })}`;
    this.#wanted = address;
    const answer = await fetch(address);
    if (answer.redirected) {
      // The sign-in has ended; the form there leads back to here.
      location.assign(address);
      return;
    }
    if (!answer.ok) {
      byId("model").value = this.form.model;
      this.#refuse(new Error(`The form of ${model} cannot be shown; this key may not use it, or not any more.`));
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Somebody who walks through the list wants the last one, whichever form comes last.
    if (this.#wanted !== address) return;
    byId("request").replaceWith(document.adoptNode(page.getElementById("request")));
    byId("model").value = model;
    history.replaceState(null, "", address);
    this.#takeForm();
    this.form.write(Object.fromEntries(Object.entries(input).filter(([name]) => this.form.has(name))));
    this.announce(`The form is that of ${model}.`);
  }

  // What goes along from model to model, also past one that does not know it.
  #carry(input) {
    for (const name of CARRIED.filter((one) => this.form.has(one))) {
      if (name in input) this.#carried[name] = input[name];
      else delete this.#carried[name];
    }
  }

  #changed() {
    const { model } = this.form;
    this.samples.show({ address: this.address, model, input: this.form.read({ isSample: true }) });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#askPrice(), QUIET_MS);
  }

  async #askPrice() {
    this.#asking?.abort();
    this.#asking = new AbortController();
    const given = Object.entries(this.form.read()).filter(([, value]) => !isLong(value));
    try {
      const told = await price(this.form.model, Object.fromEntries(given), this.#asking.signal);
      byId("price").textContent = told.price;
      byId("price").classList.toggle("over", told.is_too_much);
      byId("left").textContent = this.key ? told.left : "";
    } catch (error) {
      if (error.name === "AbortError") return;
      byId("price").textContent = "price not known at this moment";
    }
  }

  async #generate() {
    const button = byId("generate");
    const input = this.form.read();
    if (!button || button.disabled) return;
    if (!this.form.isReadable) {
      byId("more").focus();
      return;
    }
    this.form.clearFaults();
    byId("refusal").hidden = true;
    button.disabled = true;
    try {
      const id = await this.#submit(this.form.model, input);
      this.#add({ id, model: this.form.model, prompt: input.prompt, input, createdAt: Date.now() });
      this.announce("Sent; the job is in the queue.");
    } catch (error) {
      this.#refuse(error);
    } finally {
      button.disabled = false;
      this.#changed();
      // What the upstream refuses is a job too.
      this.#showHistory();
    }
  }

  // What was sent and not answered may have arrived: pressed again, it is the same job and no second one.
  async #submit(model, input) {
    const request = model + toJson(input);
    const key = this.#unanswered?.request === request ? this.#unanswered.key : newKey();
    this.#unanswered = { request, key };
    try {
      const id = await submit(model, input, key);
      this.#unanswered = null;
      return id;
    } catch (error) {
      if (error instanceof Refused && error.status < 500) this.#unanswered = null;
      throw error;
    }
  }

  #refuse(error) {
    if (error instanceof Refused && error.problems) {
      this.form.showProblems(error.problems);
      return;
    }
    byId("refusal").textContent = error.message;
    byId("refusal").hidden = false;
  }

  #add(about) {
    if (this.#cards.has(about.id)) return;
    const card = new Card(this, about);
    this.#cards.set(about.id, card);
    byId("cards").prepend(card.element);
    byId("no-cards").hidden = true;
    const hear = (told, logs, isWhole) => card.hear(told, logs, isWhole);
    this.#followers.follow(about.id, about.model, hear, (error) => card.lost(error));
  }

  ended(_card, made) {
    const number = made.images?.length ?? 0;
    const words = made.state === "succeeded" ? `Done: ${number} ${number === 1 ? "picture" : "pictures"}.` : `The job is ${made.state}.`;
    this.announce(words);
    this.#showHistory();
    this.#askPrice();
  }

  announce(words) {
    byId("news").textContent = words;
  }

  useSeed(seed) {
    this.form.useSeed(seed);
    this.announce(`The seed is ${seed}.`);
  }

  async useSettings(id) {
    let made;
    try {
      made = await jobOf(id);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (made.model !== this.form.model) await this.#goTo(made.model, {});
    if (made.model !== this.form.model) return;
    if (made.input === null) {
      this.#refuse(new Error("What this job was asked is not kept any more."));
      return;
    }
    this.form.write(made.input);
    byId("refusal").hidden = true;
    byId("request").scrollIntoView({ block: "nearest" });
    byId("request").querySelector("textarea, input")?.focus();
    this.announce("The settings of the job are in the form.");
  }

  async #showHistory({ follows = false } = {}) {
    let jobs;
    try {
      jobs = await jobsOf(this.key, HISTORY_LENGTH);
    } catch (error) {
      byId("no-history").textContent = error.message;
      return;
    }
    byId("no-history").hidden = jobs.length > 0;
    byId("history").replaceChildren(...jobs.map((one) => this.#past(one)));
    if (!follows) return;
    for (const one of jobs.filter(({ state }) => isOpen(state)).slice(0, FOLLOWED_AT_ONCE).reverse()) {
      this.#add({ ...one, createdAt: new Date(one.created_at).valueOf() });
    }
  }

  #past({ id, model, prompt, state, created_at: createdAt, cost_usd: cost, images }) {
    const row = byId("past").content.firstElementChild.cloneNode(true);
    const part = (name) => row.querySelector(`[data-${name}]`);
    row.dataset.job = id;
    part("prompt").textContent = shortened(prompt);
    part("page").href = `/console/jobs/${id}`;
    part("facts").textContent = `${model.replace("fal-ai/", "")} · ${momentWords(createdAt)} · ${usdWords(cost)}`;
    part("state").textContent = state;
    part("state").classList.add(`state-${state}`);
    part("again").addEventListener("click", () => this.useSettings(id));
    if (state === "succeeded" && images?.length !== 0) {
      const shown = new Image(44, 44);
      shown.alt = "";
      shown.loading = "lazy";
      shown.src = picture(id, 0, "thumbnail");
      shown.onerror = () => shown.remove();
      part("thumb").append(shown);
    }
    return row;
  }
}

const isLong = (value) => typeof value === "string" && value.length > LONGEST_PRICED;

const root = byId("playground");
if (root) new Playground(root);
else {
  byId("show").hidden = true;
  byId("model").addEventListener("change", () => byId("choice").submit());
}
