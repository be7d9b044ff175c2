// Keeps the page fresh. Without this file each page shows what was so when it was made.
import { refresh, setNow, start as startClock } from "./clock.js";
import { Connection } from "./connection.js";
import { put } from "./morph.js";
import { say } from "./say.js";
import { phrase, words } from "./words.js";

const LOOKS = {
  "on": ["on", "st-succeeded"],
  "polling": ["on", "st-succeeded"],
  "catching-up": ["catching-up", "st-expired"],
  "offline": ["offline", "st-failed"],
  "over": ["offline", "st-failed"],
};
const PATIENCE = 2000; // ms that a page which has been live may take to catch up before it says so

const link = document.getElementById("link");
const newbar = document.getElementById("newbar");
const list = document.querySelector("[data-list]");
let lastNews = "", delayed, isTroubled = false;

/** What this page shows, in the words of the socket. */
function watch() {
  const path = location.pathname + location.search;
  const wanted = {};
  if (document.querySelector("[data-region]")) wanted.page = path;
  if (newbar) Object.assign(wanted, { list: path, first: Number(newbar.dataset.first) });
  const rows = [...list?.querySelectorAll("tr[id^=task-]") ?? []].map((row) => Number(row.id.slice(5)));
  if (rows.length) wanted.rows = rows;
  if (document.body.dataset.language) wanted.language = document.body.dataset.language;
  return wanted;
}

function show(frame) {
  setNow(frame.now);
  lastNews = document.querySelector("#clock time").textContent;
  for (const [name, html] of Object.entries(frame.regions ?? {})) showRegion(name, html);
  for (const [id, html] of Object.entries(frame.rows ?? {})) showRow(document.getElementById(`task-${id}`), html);
  if (newbar && frame.newer !== undefined) showNewer(frame.newer, frame.said);
}

function showRegion(name, html) {
  const region = document.getElementById(`live-${name}`);
  if (!region) return;
  const before = region.querySelector("[data-say]")?.textContent;
  put(region, html, { inside: true });
  const after = region.querySelector("[data-say]")?.textContent;
  if (before !== undefined && after !== before) say(after);
}

/** A line stays where it is, also when its task has left the filter or the database: it is faint then. */
function showRow(row, html) {
  if (!row) return;
  if (html) put(row, html);
  const now = document.getElementById(row.id);
  const only = list.dataset.only;
  now.classList.toggle("is-gone", !html || Boolean(only && now.dataset.state !== only));
}

function showNewer(count, said) {
  newbar.classList.toggle("newbar--none", !count);
  newbar.textContent = said;
}

function showState(state, detail) {
  clearTimeout(delayed);
  const wasLive = link.dataset.live === "on";
  const show = () => {
    const [look, style] = LOOKS[state];
    link.hidden = false;
    link.dataset.live = look;
    link.className = `live ${style}`;
    const word = words.live[state];
    link.textContent = look === "offline" && lastNews ? phrase(words.asOf, { state: word, time: lastNews }) : word;
    link.title = detail || (state === "polling" ? words.blocked : "");
    if (look === "on" ? isTroubled : wasLive) say(link.textContent);
    isTroubled = look !== "on" && (isTroubled || wasLive);
  };
  // A moment without a connection is no news to anybody.
  if (wasLive && state !== "on" && state !== "over") delayed = setTimeout(show, PATIENCE);
  else show();
}

startClock();
refresh(document);
const wanted = watch();
if (wanted.page || wanted.list || wanted.rows) {
  new Connection({ url: document.body.dataset.liveUrl, watch, ends: words.ends, onFrame: show, onState: showState }).start();
}
