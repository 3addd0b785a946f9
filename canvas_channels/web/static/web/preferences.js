// A choice is saved as soon as it is made, one for a whole column too; and topics can be filtered.
// Choices are saved one after another: of two requests under way at once, either may arrive first.
"use strict";

const form = document.getElementById("preferences");
const filter = document.getElementById("filter");
let saved = Promise.resolve();
let unsaved = 0;

function save(select) {
  const body = new FormData();
  body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  body.append(select.name, select.value);
  unsaved += 1;
  saved = saved.then(() => send(body)).finally(() => { unsaved -= 1; });
  return saved;
}

async function send(body) {
  try {
    const answer = await fetch(location.href, { method: "POST", body, headers: { "HX-Request": "true" } });
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) {
      removeEventListener("beforeunload", keepOpen);
      return location.assign(elsewhere);
    }
    if (!answer.ok) throw new Error(answer.status);
    const told = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("status").replaceChildren(...told.getElementById("status").childNodes);
    return !told.querySelector(".error");
  } catch {
    say(form.dataset.failed);
  }
}

async function saveAll(head) {
  const wanted = head.selectedOptions[0];
  const sure = confirm(form.dataset.sure.replace("{}", wanted.text));
  if (sure && (await save(head))) {
    const [channel] = head.name.split(".");
    for (const select of form.querySelectorAll(`td select[name^="${channel}."]`)) {
      if ([...select.options].some((option) => option.value === wanted.value)) select.value = wanted.value;
    }
  }
  head.value = "";
}

form?.addEventListener("change", (event) => {
  const select = event.target;
  if (!select.value) return;
  if (select.name.endsWith(".all")) saveAll(select);
  else save(select);
});

function keepOpen(event) {
  if (unsaved) event.preventDefault();
}

addEventListener("beforeunload", keepOpen);

filter?.addEventListener("input", () => {
  const text = filter.value.trim().toLocaleLowerCase();
  for (const group of form.querySelectorAll("tbody")) {
    let found = 0;
    for (const row of group.querySelectorAll("tr:not(.group)")) {
      row.hidden = !row.cells[0].textContent.toLocaleLowerCase().includes(text);
      found += !row.hidden;
    }
    group.hidden = !found;
  }
});
