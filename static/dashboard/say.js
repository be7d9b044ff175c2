// Says something to those who listen to the page: politely, and at most once in ten seconds.
const EVERY = 10_000; // ms
let next = "", last = -EVERY, timer;

/** Say `text` when it is time; what is to be said after it replaces it. */
export function say(text) {
  next = text;
  if (timer) return;
  timer = setTimeout(() => {
    timer = undefined;
    last = performance.now();
    document.getElementById("said").textContent = next;
  }, Math.max(0, last + EVERY - performance.now()));
}
