// The form of a model: what it says as the input of a request, and an input put back into it.

import { parse, toJson } from "./playground_json.js";
import { upload } from "./playground_api.js";

const WHOLE = /^\s*-?\d+\s*$/;

// How the value of each kind of field is read and written; undefined leaves the field out.
const KINDS = {
  text: { read: textOf, write: putText },
  line: { read: textOf, write: putText },
  picture: { read: textOf, write: putText },
  choice: { read: textOf, write: putChoice },
  number: { read: numberOf, write: putNumber },
  whole: { read: wholeOf, write: putText },
  tick: { read: (place) => control(place).checked, write: (place, value) => { control(place).checked = value === true; } },
  size: { read: sizeOf, write: putSize },
  pictures: { read: (place) => listOf(rowsOf(place).map(textOf)), write: (place, value) => putRows(place, value, putText) },
  rows: { read: (place) => listOf(rowsOf(place).map(partsOf)), write: (place, value) => putRows(place, value, putParts) },
};

const control = (place) => place.querySelector("textarea, select, input:not([data-slider], [data-upload])");
const rowsOf = (place) => [...place.querySelectorAll("[data-row]")];
const listOf = (values) => {
  const given = values.filter((value) => value !== undefined);
  return given.length ? given : undefined;
};

function textOf(place) {
  return control(place).value === "" ? undefined : control(place).value;
}

function numberOf(place) {
  const { value } = control(place);
  return value === "" ? undefined : Number(value);
}

function wholeOf(place) {
  const { value } = control(place);
  if (!WHOLE.test(value)) return value.trim() === "" ? undefined : value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value.trim());
}

function sizeOf(place) {
  const { value } = control(place);
  if (value !== "custom") return value;
  const side = (name) => {
    const given = place.querySelector(`[data-${name}]`).value;
    return given === "" ? {} : { [name]: Number(given) };
  };
  return { ...side("width"), ...side("height") };
}

function partsOf(row) {
  const parts = [...row.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, KINDS[part.dataset.kind].read(part)]);
  return Object.fromEntries(parts.filter(([, value]) => value !== undefined));
}

function putText(place, value) {
  control(place).value = value === null || value === undefined ? "" : String(value);
}

function putChoice(place, value) {
  const select = control(place);
  const word = value === null || value === undefined ? "" : String(value);
  const known = [...select.options].find((option) => option.value.toLowerCase() === word.toLowerCase());
  select.value = known ? known.value : "";
}

function putNumber(place, value) {
  putText(place, value);
  slide(place);
}

function slide(place) {
  const slider = place.querySelector("[data-slider]");
  const { value } = control(place);
  if (value !== "") slider.value = value;
}

function putSize(place, value) {
  const isCustom = typeof value === "object" && value !== null;
  control(place).value = isCustom ? "custom" : String(value);
  place.querySelector("[data-custom]").hidden = !isCustom;
  if (!isCustom) return;
  for (const name of ["width", "height"]) place.querySelector(`[data-${name}]`).value = value[name] ?? "";
}

function putRows(place, values, put) {
  place.querySelector("[data-rows]").replaceChildren();
  for (const value of Array.isArray(values) ? values : []) put(addRow(place), value);
}

function putParts(row, value) {
  for (const part of row.querySelectorAll("[data-part]")) {
    const given = value?.[part.dataset.part];
    KINDS[part.dataset.kind].write(part, given === undefined ? JSON.parse(part.dataset.default) : given);
  }
}

function addRow(place) {
  const rows = place.querySelector("[data-rows]");
  const template = place.querySelector("template");
  const row = template.content.firstElementChild.cloneNode(true);
  const number = rows.childElementCount + 1;
  for (const one of row.querySelectorAll("*")) {
    for (const { name, value } of [...one.attributes]) {
      if (value.includes("ROW")) one.setAttribute(name, value.replaceAll("ROW", number));
    }
    if (one.childElementCount === 0 && one.textContent.includes("ROW")) one.textContent = one.textContent.replaceAll("ROW", number);
  }
  rows.append(row);
  return row;
}

export class RequestForm {
  // `changed` is called whenever the request is another one.
  constructor(form, changed) {
    this.form = form;
    this.changed = changed;
    this.model = form.dataset.model;
    form.addEventListener("input", (event) => this.#typed(event));
    form.addEventListener("click", (event) => this.#pressed(event));
    form.addEventListener("change", (event) => { if (event.target.matches("[data-upload]")) this.#upload(event.target); });
  }

  get #fields() {
    return [...this.form.querySelectorAll("[data-field]")];
  }

  get #more() {
    return this.form.querySelector("#more");
  }

  // The input as the form says it. What is off by default and left so is not sent; in a sample, an example
  // stands for what has still to be filled in.
  read({ isSample = false } = {}) {
    const input = {};
    for (const place of this.#fields) {
      const value = KINDS[place.dataset.kind].read(place);
      const isOff = value === false && place.dataset.default === "false";
      if (value !== undefined && !isOff) input[place.dataset.field] = value;
      else if (isSample && place.dataset.sample) input[place.dataset.field] = JSON.parse(place.dataset.sample);
    }
    return { ...input, ...this.#readMore() };
  }

  #readMore() {
    const text = this.#more.value.trim();
    let given = {};
    let fault = "";
    try {
      given = text ? parse(text) : {};
      if (typeof given !== "object" || given === null || Array.isArray(given)) throw new TypeError("it is no object");
    } catch (error) {
      fault = `Write one JSON object: ${error.message}`;
      given = {};
    }
    this.#mark(this.#more, this.form.querySelector("#more-fault"), fault);
    return given;
  }

  get isReadable() {
    return this.#more.getAttribute("aria-invalid") !== "true";
  }

  // Puts an input into the form; a field that it does not name gets its default.
  write(input) {
    const rest = { ...input };
    for (const place of this.#fields) {
      const { field, kind } = place.dataset;
      const isGiven = Object.hasOwn(rest, field) && rest[field] !== null;
      KINDS[kind].write(place, isGiven ? rest[field] : JSON.parse(place.dataset.default));
      delete rest[field];
    }
    this.#more.value = Object.keys(rest).length ? toJson(rest, "  ") : "";
    this.form.querySelector("[data-more]").open = this.#more.value !== "";
    this.clearFaults();
    this.changed();
  }

  has(name) {
    return this.#fields.some((place) => place.dataset.field === name);
  }

  useSeed(seed) {
    const place = this.form.querySelector('[data-field="seed"]');
    if (!place) return;
    putText(place, seed);
    control(place).focus();
    this.changed();
  }

  clearFaults() {
    for (const place of this.#fields) this.#markField(place, "");
    this.#tellSummary([]);
  }

  // Says what is wrong beside each field, and above all of them what belongs to none; the first one is gone to.
  showProblems(problems) {
    this.clearFaults();
    const said = new Map();
    const others = [];
    for (const { loc, msg } of problems) {
      const [, name, ...within] = loc;
      const place = this.#fields.find((one) => one.dataset.field === name);
      const words = within.length ? `${within.map((part) => (Number.isInteger(part) ? part + 1 : part)).join(" · ")}: ${msg}` : msg;
      if (place) said.set(place, [...(said.get(place) ?? []), words]);
      else others.push(name === undefined ? msg : `${loc.slice(1).join(".")}: ${msg}`);
    }
    for (const [place, words] of said) this.#markField(place, words.join("; "));
    this.#tellSummary(others);
    (this.form.querySelector('.field [aria-invalid="true"]') ?? this.form.querySelector("#generate")).focus();
  }

  #tellSummary(lines) {
    const summary = this.form.querySelector("#summary");
    summary.hidden = lines.length === 0;
    summary.textContent = lines.join("; ");
  }

  #markField(place, words) {
    const target = ["rows", "pictures"].includes(place.dataset.kind) ? place.querySelector('[role="group"]') : control(place);
    this.#mark(target, place.querySelector(":scope > .wrong"), words);
  }

  #mark(target, note, words) {
    note.textContent = words;
    // A group cannot be invalid by itself; its description says what is wrong in it.
    if (target.matches("[role=group]")) target.toggleAttribute("data-invalid", words !== "");
    else if (words) target.setAttribute("aria-invalid", "true");
    else target.removeAttribute("aria-invalid");
  }

  #typed({ target }) {
    const place = target.closest("[data-part]") ?? target.closest("[data-field]");
    if (place) {
      if (target.matches("[data-slider]")) control(place).value = target.value;
      else if (place.dataset.kind === "number") slide(place);
      if (place.dataset.kind === "size") place.querySelector("[data-custom]").hidden = control(place).value !== "custom";
      this.#markField(target.closest("[data-field]"), "");
    }
    this.changed();
  }

  #pressed({ target }) {
    const place = target.closest("[data-field]");
    if (!place) return;
    if (target.matches("[data-random]")) putText(place, crypto.getRandomValues(new Uint32Array(1))[0]);
    else if (target.matches("[data-add]")) control(addRow(place)).focus();
    else if (target.matches("[data-remove]")) {
      target.closest("[data-row]").remove();
      place.querySelector("[data-add]").focus();
    } else return;
    this.changed();
  }

  async #upload(chooser) {
    const [file] = chooser.files;
    if (!file) return;
    const place = chooser.closest("[data-row]") ?? chooser.closest("[data-field]");
    const state = place.querySelector("[data-upload-state]");
    state.textContent = `Uploading ${file.name} …`;
    try {
      putText(place, await upload(file));
      state.textContent = `${file.name} is uploaded.`;
      this.#markField(chooser.closest("[data-field]"), "");
    } catch (error) {
      state.textContent = error.message;
    }
    chooser.value = "";
    this.changed();
  }
}
