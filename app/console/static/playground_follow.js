// Following jobs to their end: by streams, or by asking now and then.

import { jobPath, status } from "./playground_api.js";
import { parse } from "./playground_json.js";

// A browser opens six connections to a host for all its pages together; two streams leave room for the rest.
const STREAMS = 2;
const PAUSE_MS = 2_000;
const ENDED = "COMPLETED";

export class Followers {
  #open = new Map();

  constructor() {
    document.addEventListener("visibilitychange", () => this.#share());
  }

  // `tell(status, logs, isWhole)` hears of every change; `lost(error)` when the job cannot be followed any more.
  follow(id, model, tell, lost) {
    if (this.#open.has(id)) return;
    this.#open.set(id, { id, model, tell, lost, stream: null, timer: null, cannotStream: false });
    this.#share();
  }

  // The oldest ones in sight have a stream each, the others are asked for.
  #share() {
    let left = document.hidden ? 0 : STREAMS;
    for (const one of this.#open.values()) {
      const mayStream = left > 0 && !one.cannotStream;
      if (mayStream) left -= 1;
      if (mayStream && !one.stream) this.#stream(one);
      if (!mayStream) {
        this.#hush(one);
        one.timer ??= setTimeout(() => this.#ask(one), 0);
      }
    }
  }

  #stream(one) {
    clearTimeout(one.timer);
    one.timer = null;
    one.stream = new EventSource(`${jobPath(one.model, one.id)}/status/stream?logs=1`);
    let isFirst = true;
    // After a break the browser asks again by itself, and is told all lines from the first.
    one.stream.onopen = () => { isFirst = true; };
    one.stream.onmessage = ({ data }) => {
      this.#hear(one, parse(data), isFirst);
      isFirst = false;
    };
    one.stream.onerror = () => {
      if (one.stream?.readyState !== EventSource.CLOSED) return;
      one.cannotStream = true;
      this.#share();
    };
  }

  async #ask(one) {
    try {
      const told = await status(one.model, one.id);
      if (this.#open.has(one.id)) this.#hear(one, told, true);
    } catch (error) {
      if ([401, 403, 404].includes(error.status)) {
        this.#forget(one);
        one.lost(error);
      }
    }
    one.timer = null;
    if (this.#open.has(one.id) && !one.stream) one.timer = setTimeout(() => this.#ask(one), PAUSE_MS);
  }

  #hear(one, told, isWhole) {
    if (told.status === ENDED) this.#forget(one);
    one.tell(told, Array.isArray(told.logs) ? told.logs : [], isWhole);
  }

  #forget(one) {
    this.#hush(one);
    clearTimeout(one.timer);
    this.#open.delete(one.id);
    this.#share();
  }

  #hush(one) {
    one.stream?.close();
    one.stream = null;
  }
}
