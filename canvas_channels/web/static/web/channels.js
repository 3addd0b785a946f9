// What htmx leaves to do: words where nothing came back, and the time until another message may be asked for.
"use strict";

for (const event of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(event, () => say(document.body.querySelector("[data-failed]").dataset.failed));
}

// A button waits visibly, and keeps the keyboard's place: so it is not disabled for real.
function count(button) {
  const label = button.dataset.label ??= button.textContent;
  const left = Math.ceil((button.until - Date.now()) / 1000);
  if (left > 0) {
    button.setAttribute("aria-disabled", "true");
    button.textContent = button.dataset.waiting.replace("{}", left);
  } else {
    button.removeAttribute("aria-disabled");
    button.textContent = label;
  }
}

function countAll() {
  for (const button of document.querySelectorAll("button[data-wait]")) {
    button.until ??= Date.now() + 1000 * button.dataset.wait;
    count(button);
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("button[aria-disabled=true]")) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

document.addEventListener("htmx:afterSettle", countAll);
countAll();
setInterval(countAll, 1000);
