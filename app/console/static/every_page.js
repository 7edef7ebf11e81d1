// What every page does: times in the reader's own zone, copy buttons, questions before what cannot be undone.

const inReadersZone = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

export function showTimes(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) time.textContent = inReadersZone.format(moment);
  }
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    say(button, "Copied");
  } catch {
    // Without TLS there is no clipboard; the text is selected, so that one key copies it.
    if (source.select) source.select(); else getSelection().selectAllChildren(source);
    say(button, "Press Ctrl+C");
  }
}

function say(button, word) {
  const before = button.dataset.word ??= button.textContent;
  button.textContent = word;
  button.setAttribute("aria-live", "polite");
  setTimeout(() => { button.textContent = before; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.question ?? event.target.dataset.question;
  if (question && !confirm(question)) event.preventDefault();
});

// Parts that are drawn anew say so.
document.addEventListener("drawn", (event) => showTimes(event.target));

// A filter form leaves out what is blank, so that addresses stay short.
document.addEventListener("formdata", (event) => {
  if (event.target.method !== "get") return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

// A script that puts a part in its place says so there, and need not load this one again under another address.
document.addEventListener("shown", (event) => showTimes(event.target));

showTimes();

// On a phone the pages' names are wider than the window.
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
