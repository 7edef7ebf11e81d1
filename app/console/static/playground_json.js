// Numbers to the last digit, and values as the source code of three languages.

// Seeds go up to 2^63; as the language's own numbers they would be rounded without a word.
export function parse(text) {
  return JSON.parse(text, (_name, value, context) => {
    const source = context?.source;
    const isRounded = typeof value === "number" && !Number.isSafeInteger(value);
    return isRounded && /^-?\d+$/.test(source ?? "") ? BigInt(source) : value;
  });
}

// These would be invisible, or turn the order of what is read around; all three languages know the escape.
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function quoted(text) {
  const escaped = (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(UNSEEN, escaped);
}

const JSON_WORDS = { null: "null", true: "true", false: "false", text: quoted, name: quoted, large: String };
const JAVASCRIPT_WORDS = {
  ...JSON_WORDS,
  // A script element would end here, and a name of this kind would become the object's prototype.
  text: (text) => quoted(text).replaceAll(/<(?=\/script|!--)/gi, "\\u003c"),
  name: (text) => (text === "__proto__" ? '["__proto__"]' : JAVASCRIPT_WORDS.text(text)),
  large: (number) => `JSON.rawJSON("${number}")`,
};
const PYTHON_WORDS = { ...JSON_WORDS, null: "None", true: "True", false: "False" };

export const toJson = (value, indent) => written(value, JSON_WORDS, indent);
export const toJavaScript = (value, indent, margin) => written(value, JAVASCRIPT_WORDS, indent, margin);
export const toPython = (value, indent, margin) => written(value, PYTHON_WORDS, indent, margin);

function written(value, words, indent, margin = "") {
  if (typeof value === "string") return words.text(value);
  if (typeof value === "bigint") return words.large(value);
  if (value === null || typeof value === "boolean") return words[String(value)];
  if (typeof value === "number") return JSON.stringify(value);
  const inner = margin + (indent ?? "");
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((one) => written(one, words, indent, inner))
    : Object.entries(value).map(([name, one]) => `${words.name(name)}:${indent ? " " : ""}${written(one, words, indent, inner)}`);
  const [open, close] = isList ? "[]" : "{}";
  if (!parts.length) return open + close;
  return indent ? `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${margin}${close}` : open + parts.join(",") + close;
}
