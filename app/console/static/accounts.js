// Forms that must not be sent twice, and a secret that is forgotten when its page is left.

document.addEventListener("submit", (event) => {
  if (!("once" in event.target.dataset)) return;
  // After all others have had their say, and after the form's fields were taken.
  setTimeout(() => {
    if (event.defaultPrevented) return;
    for (const button of event.target.querySelectorAll("button[type=submit]")) button.disabled = true;
  });
});

// A page that comes back out of the browser's memory lets its forms be sent again, but shows no secret.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("form[data-once] button[type=submit]")) button.disabled = false;
});

addEventListener("pagehide", () => document.getElementById("secret")?.replaceChildren());
