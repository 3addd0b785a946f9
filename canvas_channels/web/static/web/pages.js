// What pages have more of where scripts run: times as "5 minutes ago", menus and notices that can be closed.
"use strict";

document.documentElement.classList.add("scripted");

const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" });
const UNITS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7], ["week", Infinity]];
const LONGEST = 28 * 86400; // seconds; what is longer ago keeps its date

function ago(seconds) {
  let left = seconds;
  for (const [unit, size] of UNITS) {
    if (Math.abs(left) < size) return relative.format(Math.trunc(left), unit);
    left /= size;
  }
}

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const seconds = (moment - Date.now()) / 1000;
    time.title ||= absolute.format(moment);
    if (Math.abs(seconds) < LONGEST) time.textContent = ago(Math.min(seconds, 0));
  }
}

// A notice of our own, in words that the page brought.
function say(text) {
  const toast = document.getElementById("toast").content.cloneNode(true);
  toast.querySelector("span").textContent = text;
  document.getElementById("status").replaceChildren(toast);
}

document.addEventListener("click", (event) => {
  const closes = event.target.closest("[data-closes]");
  if (closes) {
    closes.closest("li").remove();
    document.getElementById("main").focus();
  }
  for (const menu of document.querySelectorAll(".menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(".menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A box that stands for all checks those that it stands for, and follows them.
document.addEventListener("change", ({ target }) => {
  if (target.dataset.checks) {
    for (const box of target.form.querySelectorAll(`[name="${target.dataset.checks}"]`)) box.checked = target.checked;
  } else if (!target.checked && target.type === "checkbox") {
    for (const all of target.form?.querySelectorAll(`[data-checks="${target.name}"]`) ?? []) all.checked = false;
  }
});

document.addEventListener("htmx:afterSettle", tellTimes);
tellTimes();
setInterval(tellTimes, 30000);
