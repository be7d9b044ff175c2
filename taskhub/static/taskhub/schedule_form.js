/* Asks the server, while somebody types, what is wrong with a schedule and when it would be due. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const outlook = document.querySelector("[data-taskhub-preview]");
  const form = outlook && outlook.closest("form");
  if (!form) return;

  const touched = new Set();
  const parts = { interval: "every", cron: "cron", once: "at" };
  let timer = 0;
  let asking = null;

  // The outermost element of a field: Django's .form-row, Unfold's .field-line, Jazzmin's .form-group.
  const row = (name) => form.querySelector(`.field-${CSS.escape(name)}`);
  const here = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function showTheKind() {
    const kind = form.elements.kind && form.elements.kind.value;
    for (const [name, field] of Object.entries(parts)) {
      const line = row(field);
      if (line && form.elements.kind) line.hidden = Boolean(kind) && name !== kind;
    }
  }

  function showClock(time) {
    time.textContent = here.format(new Date(time.dateTime));
  }

  function showProblems(errors) {
    form.querySelectorAll(".taskhub-problem").forEach((old) => old.remove());
    for (const [name, messages] of Object.entries(errors)) {
      const line = name === "__all__" ? outlook.parentElement : row(name);
      if (!line || (name !== "__all__" && !touched.has(name))) continue;
      const problem = document.createElement("p");
      problem.className = "taskhub-problem";
      problem.setAttribute("role", "alert");
      problem.textContent = messages.join(" ");
      (line.querySelector(":scope > .grow") ?? line).append(problem); // Unfold has the label and the rest side by side
    }
  }

  function show(answer) {
    outlook.classList.remove("is-stale");
    outlook.querySelector(".taskhub-words").textContent = answer.words;
    outlook.querySelector(".taskhub-zone").textContent = answer.zone || outlook.dataset.itsClock;
    outlook.querySelector(".taskhub-warnings").replaceChildren(...answer.warnings.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    outlook.querySelector("tbody").replaceChildren(...answer.next.map((moment) => {
      const line = document.createElement("tr");
      line.insertCell().textContent = moment.shown;
      const time = document.createElement("time");
      time.dateTime = moment.iso;
      showClock(time);
      line.insertCell().append(time);
      return line;
    }));
    showProblems(answer.errors);
  }

  async function ask() {
    if (asking) asking.abort();
    const mine = asking = new AbortController();
    const url = `${outlook.dataset.taskhubPreview}?schedule=${encodeURIComponent(outlook.dataset.schedule)}`;
    try {
      const response = await fetch(url, { method: "POST", body: new FormData(form), signal: mine.signal });
      if (response.ok) show(await response.json());
    } catch (error) {
      if (error.name !== "AbortError") outlook.classList.add("is-stale");
    }
  }

  function note(event) {
    if (!event.target.name) return;
    touched.add(event.target.name.replace(/_[01]$/, ""));
    showTheKind();
    outlook.classList.add("is-stale");
    clearTimeout(timer);
    timer = setTimeout(ask, 200);
  }

  form.addEventListener("input", note);
  form.addEventListener("change", note);
  // Jazzmin puts Select2 over each choice, which tells only those who listen by jQuery.
  if (window.jQuery) window.jQuery(form).on("change", "select", note);
  outlook.querySelectorAll("time").forEach(showClock);
  showTheKind();
});
