// Puts fresh HTML in the place of old: what is the same stays, and what somebody is at does not move.
import { Idiomorph } from "./vendor/idiomorph/idiomorph.esm.js";
import { refresh } from "./clock.js";

const FLASH = 1400; // ms
const OWN_CLASSES = ["is-changed", "is-gone", "is-cursor"]; // set by scripts, unknown to the server
const flashing = new Set();

/** Morph what `element` holds (`inside`), or the element itself, into `html`. */
export function put(element, html, { inside = false } = {}) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  const fresh = template.content;
  for (const input of fresh.querySelectorAll("[name=csrfmiddlewaretoken]")) input.setAttribute("value", document.body.dataset.token);
  for (const one of fresh.querySelectorAll("[id]")) keepOwn(document.getElementById(one.id), one);
  refresh(fresh);
  const before = statesIn(element);
  const anchor = holdStill();
  Idiomorph.morph(element, fresh, {
    morphStyle: inside ? "innerHTML" : "outerHTML",
    ignoreActiveValue: true,
    callbacks: { beforeNodeMorphed: mayChange },
  });
  anchor();
  flash(before);
}

/** Carry over what only this page knows of an element. */
function keepOwn(old, fresh) {
  if (!old) return;
  for (const name of OWN_CLASSES) if (old.classList.contains(name)) fresh.classList.add(name);
  if (old.hasAttribute("aria-selected")) fresh.setAttribute("aria-selected", old.getAttribute("aria-selected"));
}

/** Leave alone what a person has typed, ticked or opened, and what a script draws. */
function mayChange(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) return true;
  if (old.matches("[data-keep]")) return false;
  if (old.matches("input, textarea, select")) {
    return old.type === "checkbox" || old.type === "radio" ? old.checked === old.defaultChecked : old.value === (old.defaultValue ?? old.value);
  }
  if (old.localName === "details") fresh.toggleAttribute("open", old.open);
  return true;
}

/** Remember where the row is that somebody points at or has in focus; the answer brings it back there. */
function holdStill() {
  const main = document.getElementById("main");
  const held = main.querySelector(":is(tr, li, form, .row):hover") ?? main.querySelector(":focus-visible, [aria-selected=true], .is-cursor");
  if (!held) return () => {};
  const top = held.getBoundingClientRect().top;
  return () => {
    const moved = held.isConnected ? held.getBoundingClientRect().top - top : 0;
    if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
  };
}

function statesIn(element) {
  const all = [element, ...element.querySelectorAll("[data-state]")].filter((one) => one.id && one.dataset.state);
  return new Map(all.map((one) => [one.id, one.dataset.state]));
}

/** Flash, once, each thing whose state is another one now. */
function flash(before) {
  for (const [id, state] of before) {
    const one = document.getElementById(id);
    if (!one || one.dataset.state === state || flashing.has(id)) continue;
    flashing.add(id);
    one.classList.add("is-changed");
    setTimeout(() => { flashing.delete(id); document.getElementById(id)?.classList.remove("is-changed"); }, FLASH);
  }
}
