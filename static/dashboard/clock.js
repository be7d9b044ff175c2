// Times: relative ones tick; all of them read in UTC or in the browser's zone, as the reader has chosen.
// Each says in `datetime` what it is, in `data-tick` or `data-clock` how it reads. The words are those of words.py.
import { phrase, words } from "./words.js";

const KEY = "taskhub-zone";
const MINUTE = 60, HOUR = 3600, DAY = 86_400;
let ahead = 0; // ms by which the server's clock is ahead of ours
let zone = "UTC";

export const setNow = (ms) => { ahead = ms - Date.now(); };
const now = () => Date.now() + ahead;

function age(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return unit(whole, "s");
  if (whole < HOUR) return unit(whole / MINUTE, "min");
  return whole < 2 * DAY ? unit(whole / HOUR, "h") : unit(whole / DAY, "days");
}

/** A duration that grows before one's eyes: whole seconds, where the server writes tenths of the first ten. */
function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return unit(whole, "s");
  if (whole < 10 * MINUTE) return two(whole, MINUTE, "min", 1, "s");
  if (whole < HOUR) return unit(whole / MINUTE, "min");
  return whole < 2 * DAY ? two(whole, HOUR, "h", MINUTE, "min") : unit(whole / DAY, "days");
}

function two(whole, big, bigUnit, small, smallUnit) {
  const rest = Math.floor((whole % big) / small);
  return rest ? `${unit(whole / big, bigUnit)} ${unit(rest, smallUnit)}` : unit(whole / big, bigUnit);
}

const unit = (number, name) => phrase(words.units[name], { n: Math.floor(number) });
const later = (passed) => phrase(words.in, { time: duration(-passed) });

const READINGS = {
  age: (passed) => age(passed),
  duration: (passed) => (passed < 0 ? "–" : duration(passed)),
  until: (passed) => (passed < 0 ? later(passed) : phrase(words.ago, { time: duration(passed) })),
  due: (passed) => (passed < 0 ? later(passed) : words.due),
};

/** Write a text only where it is another one. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Let the relative times below `root` say what they are now. */
export function tick(root) {
  for (const element of root.querySelectorAll("time[data-tick]")) {
    const reading = READINGS[element.dataset.tick];
    if (reading) write(element, reading((now() - Date.parse(element.dateTime)) / 1000));
  }
}

const pad = (number, digits = 2) => String(number).padStart(digits, "0");

/** The parts of a moment in the chosen zone. */
function parts(at) {
  const shifted = new Date(at.getTime() - (zone === "UTC" ? 0 : at.getTimezoneOffset() * 60_000));
  return {
    day: `${pad(shifted.getUTCDate())} ${words.months[shifted.getUTCMonth()]}`,
    year: shifted.getUTCFullYear(),
    weekday: words.days[shifted.getUTCDay()],
    minute: `${pad(shifted.getUTCHours())}:${pad(shifted.getUTCMinutes())}`,
    second: pad(shifted.getUTCSeconds()),
    ms: pad(shifted.getUTCMilliseconds(), 3),
  };
}

/** A moment, in ms since 1970, to the minute. */
export const minuteAt = (ms) => parts(new Date(ms)).minute;

export function zoneName() {
  if (zone === "UTC") return "UTC";
  const minutes = -new Date(now()).getTimezoneOffset();
  const hours = pad(Math.floor(Math.abs(minutes) / 60));
  return `UTC${minutes < 0 ? "−" : "+"}${hours}:${pad(Math.abs(minutes) % 60)}`;
}

/** What follows the minute; "time" is without a date. */
const TAILS = {
  second: (at) => `:${at.second}`,
  ms: (at) => `:${at.second}.${at.ms}`,
  time: (at) => `:${at.second}.${at.ms}`,
};

/** Let the absolute times below `root`, and every title, read in the chosen zone. */
export function localize(root) {
  const today = parts(new Date(now()));
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = parts(new Date(element.dateTime));
    const { clock } = element.dataset;
    if (clock) {
      const date = clock === "time" || at.day === today.day && at.year === today.year ? "" : `${at.day} ${at.year === today.year ? "" : `${at.year} `}`;
      write(element, `${date}${at.minute}${TAILS[clock]?.(at) ?? ""}`);
    }
    if (element.title) {
      const full = `${at.weekday} ${at.day} ${at.year} ${at.minute}:${at.second} ${zoneName()}`;
      element.title = element.title.replace(/\S+ \d\d \S+ \d{4} \d\d:\d\d:\d\d UTC(?:[+−]\d\d:\d\d)?/, full);
    }
  }
  for (const element of root.querySelectorAll("[data-zone]")) write(element, zoneName());
}

/** Bring a part of the page that has just been rendered up to what the rest of it shows. */
export function refresh(root) {
  tick(root);
  if (zone !== "UTC") localize(root);
}

/** Run the clock in the top bar, and switch zones when it is pressed. */
export function start() {
  const button = document.getElementById("clock");
  const face = button.querySelector("time");
  setNow(Date.parse(face.dateTime));
  try { zone = localStorage.getItem(KEY) ?? "UTC"; } catch { /* storage is blocked: UTC on each page */ }
  const show = () => {
    const { minute, second } = parts(new Date(now()));
    write(face, `${minute}:${second}`);
    button.title = zone === "UTC" ? words.toLocal : words.toUtc;
  };
  button.disabled = false;
  button.addEventListener("click", () => {
    zone = zone === "UTC" ? "local" : "UTC";
    try { localStorage.setItem(KEY, zone); } catch { /* see above */ }
    localize(document);
    show();
    document.dispatchEvent(new Event("taskhub-zone"));
  });
  if (zone !== "UTC") localize(document);
  show();
  setInterval(() => { if (!document.hidden) { show(); tick(document); } }, 1000);
}
