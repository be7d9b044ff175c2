// The palette: sections, what can be done on this page, the queues, and what the page names; found by typing.
const palette = document.getElementById("palette");
const MOST = 30;
let queues = []; // [{ label, href }], once the server has told them
let shown = [];

/** What one of the page's buttons or links is called, without its key. */
function labelOf(element) {
  if (element.ariaLabel) return element.ariaLabel;
  const copy = element.cloneNode(true);
  for (const key of copy.querySelectorAll("kbd")) key.remove();
  return copy.textContent.trim();
}

const toLink = (kind) => (link) => ({ label: labelOf(link), kind, act: () => link.click(), key: link.href });
const toCommand = (button) => ({ label: labelOf(button), kind: palette.dataset.command, act: () => button.click(), key: "" });

function* offers(text) {
  yield* [...document.querySelectorAll(".nav a")].map(toLink(palette.dataset.page));
  const buttons = document.querySelectorAll("main :is(button[type=submit], a.btn):not(:disabled)");
  yield* [...buttons].filter((one) => !one.closest("dialog") && one.checkVisibility()).map(toCommand);
  yield* queues.map(({ label, href }) => ({ label, kind: palette.dataset.queue, act: () => location.assign(href), key: href }));
  yield* [...document.querySelectorAll("main a.name")].map(toLink(""));
  if (text) {
    const href = `${palette.dataset.search}?q=${encodeURIComponent(text)}`;
    yield { label: `${palette.dataset.searchFor} ${text}`, kind: "", act: () => location.assign(href), key: href, isAlways: true };
  }
}

function choices(text) {
  const seen = new Set();
  const found = [];
  for (const one of offers(text)) {
    const name = `${one.label}\n${one.key}`;
    if (!one.label || seen.has(name)) continue;
    seen.add(name);
    if (one.isAlways) found.splice(MOST - 1);
    if (one.isAlways || one.label.toLowerCase().includes(text.toLowerCase())) found.push(one);
  }
  return found.slice(0, MOST);
}

function fill() {
  shown = choices(palette.querySelector("input").value.trim());
  const items = shown.map(({ label, kind }, index) => {
    const item = document.createElement("li");
    const name = document.createElement("bdi");
    const kindOf = document.createElement("span");
    item.setAttribute("role", "option");
    item.id = `palette-${index}`;
    name.textContent = label;
    kindOf.textContent = kind;
    kindOf.className = "faint small";
    item.append(name, kindOf);
    item.addEventListener("click", () => choose(index));
    return item;
  });
  palette.querySelector("ul").replaceChildren(...items);
  mark(0);
}

function mark(index) {
  const items = [...palette.querySelectorAll("li")];
  items.forEach((item, number) => item.setAttribute("aria-selected", String(number === index)));
  items[index]?.scrollIntoView({ block: "nearest" });
  palette.querySelector("input").setAttribute("aria-activedescendant", items[index]?.id ?? "");
}

function choose(index) {
  palette.close();
  shown[index]?.act();
}

export async function openPalette() {
  if (!palette || palette.open) return;
  palette.querySelector("input").value = "";
  palette.showModal();
  fill();
  try {
    const answer = await fetch(palette.dataset.queues, { headers: { Accept: "application/json" } });
    if (answer.ok && !answer.redirected) queues = (await answer.json()).queues;
  } catch { /* the server is away: there is all that the page itself has */ }
  if (palette.open) fill();
}

palette?.querySelector("input").addEventListener("input", fill);
palette?.addEventListener("keydown", (event) => {
  const items = [...palette.querySelectorAll("li")];
  const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown") mark(Math.min(items.length - 1, at + 1));
  else if (event.key === "ArrowUp") mark(Math.max(0, at - 1));
  else if (event.key === "Enter") choose(at);
  else return;
  event.preventDefault();
});
