// Keeps the progress page fresh on a site without the dashboard, whose component does it elsewhere. Without this file the page loads itself again every two seconds.
const EVERY_MS = 500;
const SLOWEST_MS = 10_000;

const box = document.querySelector(".tp[data-url]");
const bar = box?.querySelector("progress");
const part = (name) => box.querySelector(`[data-part="${name}"]`);
let lastNews = Date.now();
let wait = EVERY_MS;

/** Write a text only where it changed: a screen reader then says the heading once. */
function write(name, text) {
  if (part(name).textContent !== text) part(name).textContent = text;
}

function show(now) {
  write("heading", now.heading);
  write("percent", now.percent);
  write("detail", now.detail);
  write("aside", now.aside);
  bar.setAttribute("aria-label", now.heading);
  if (now.fraction === null) bar.removeAttribute("value");
  else bar.value = now.fraction;
  if (now.state !== box.dataset.state) {
    box.classList.replace(`st-${box.dataset.state}`, `st-${now.state}`);
    box.querySelector("use").setAttribute("href", `#i-${now.state}`);
    box.dataset.state = now.state;
    document.title = `${now.heading} · Harbour and Pine`;
  }
}

async function look() {
  try {
    const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" } });
    if (answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(answer.statusText);
    const now = await answer.json();
    if (now.is_over) return location.reload();
    show(now);
    lastNews = Date.now();
    wait = EVERY_MS;
  } catch {
    wait = Math.min(wait * 2, SLOWEST_MS);
    write("aside", `Reconnecting; the last news is ${Math.round((Date.now() - lastNews) / 1000)} s old`);
  }
  setTimeout(look, document.hidden ? SLOWEST_MS : wait);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) wait = EVERY_MS; });
if (box) setTimeout(look, EVERY_MS);
