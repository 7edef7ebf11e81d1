// Amounts, durations and moments, written as on the other pages.

export function usdWords(amount) {
  if (amount === null || amount === undefined) return "–";
  const [dollars, places = ""] = String(amount).split(".");
  return `$${dollars}.${places.replace(/0+$/, "").padEnd(2, "0")}`;
}

export function secondsWords(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const nearby = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
export const momentWords = (moment) => nearby.format(new Date(moment));

// Enough of a prompt to know it again; whole ones may be 50,000 characters long.
const SHOWN_CHARACTERS = 300;
export function shortened(text) {
  const letters = [...(text ?? "–").slice(0, SHOWN_CHARACTERS + 1)];
  return letters.length > SHOWN_CHARACTERS ? `${letters.slice(0, SHOWN_CHARACTERS).join("")}…` : letters.join("");
}

// What the picture will measure, as far as the request tells; the place for it is kept free.
const NAMED = {
  square_hd: [1024, 1024], square: [512, 512], portrait_4_3: [768, 1024], portrait_16_9: [576, 1024],
  landscape_4_3: [1024, 768], landscape_16_9: [1024, 576],
};
const SIDE = 512;

export function expectedSize(input) {
  const { image_size: size, aspect_ratio: ratio, resolution_mode: mode } = input ?? {};
  if (size && typeof size === "object") return [size.width || SIDE, size.height || SIDE].map((side) => Number(side) || SIDE);
  const [width, height] = String(size ?? ratio ?? mode ?? "").split(":").map(Number);
  if (width > 0 && height > 0) return [width * 100, height * 100];
  return NAMED[size] ?? [1024, 768];
}
