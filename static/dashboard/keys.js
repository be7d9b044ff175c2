// Keys and copying. All of it is a shortcut to something that a page offers anyway.
import { openPalette } from "./palette.js";
import { phrase, words } from "./words.js";

const off = () => localStorage.getItem("taskhub-keys") === "off";
const rows = () => [...document.querySelectorAll("main .table tbody tr:not(.sec)")].filter((row) => row.querySelector("a"));
let pending = "";

function cursor() {
  return rows().find((row) => row.classList.contains("is-cursor"));
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(cursor());
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  all[at]?.classList.remove("is-cursor");
  next.classList.add("is-cursor");
  next.scrollIntoView({ block: "nearest" });
}

function select(row) {
  const box = row?.querySelector("input[type=checkbox][name=id]");
  if (!box) return;
  box.checked = !box.checked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

function press(verb) {
  const list = document.querySelector(".picklist");
  if (list) {
    const row = cursor();
    if (!list.querySelector("tbody input:checked")) select(row);
    if (!list.querySelector("tbody input:checked")) return;
    list.querySelector(`.selbar button[value=${verb}]`)?.click();
    return;
  }
  document.querySelector(`[data-key=${verb}]`)?.click();
}

function search() {
  const field = document.getElementById("search");
  if (field) field.focus();
  else document.querySelector(".jump")?.click();
}

const ACTIONS = {
  "/": search,
  j: () => move(1),
  k: () => move(-1),
  x: () => select(cursor()),
  r: () => press("retry"),
  c: () => press("cancel"),
  Enter: () => cursor()?.querySelector("a.name, td a")?.click(),
  "?": () => document.getElementById("keyhelp")?.showModal(),
};

function isTyping(target) {
  return target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
    if (off()) return;
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.metaKey || event.ctrlKey || event.altKey || off() || document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (pending === "g") {
    pending = "";
    const link = document.querySelector(`.nav a[data-go="${CSS.escape(event.key)}"]`);
    if (link) {
      link.click();
      return;
    }
  }
  pending = event.key === "g" ? "g" : "";
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const act = ACTIONS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

for (const foot of document.querySelectorAll(".foot")) foot.hidden = false; // its buttons do nothing without this file
document.querySelector("[data-open-palette]")?.addEventListener("click", openPalette);
document.querySelector("[data-open-keys]")?.addEventListener("click", () => document.getElementById("keyhelp")?.showModal());
for (const dialog of document.querySelectorAll("dialog.float")) {
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

// -- keys can be turned off
const toggle = document.getElementById("keys-on");
if (toggle) {
  toggle.checked = !off();
  toggle.addEventListener("change", () => localStorage.setItem("taskhub-keys", toggle.checked ? "on" : "off"));
}

// -- how many are selected
for (const list of document.querySelectorAll(".picklist")) {
  const said = list.querySelector("[data-selected]");
  const tell = () => {
    const number = list.querySelectorAll("tbody input:checked").length;
    if (said) said.textContent = phrase(words.selected, { n: number });
  };
  list.addEventListener("change", tell);
  list.addEventListener("reset", () => setTimeout(tell));
  addEventListener("pageshow", tell); // whoever comes back finds the boxes checked as they were
  tell();
}

// -- copying
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const lines = [...button.parentElement.querySelectorAll("[data-copy-text] > span")];
    await navigator.clipboard.writeText(lines.map((line) => line.textContent).join("\n"));
    button.querySelector("use").setAttribute("href", "#i-ok");
  });
}
