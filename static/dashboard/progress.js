// <taskhub-progress>: keeps a visitor's view of one task fresh. Without this file it shows what was so when the page was made.
// Fires "taskhub-progress" on each change and "taskhub-over" once the task has ended; `detail` is what was told.
import { Connection } from "./connection.js";
import { phrase } from "./words.js";

class TaskhubProgress extends HTMLElement {
  connectedCallback() {
    const { url, token } = this.dataset;
    if (!url || this.connection) return;
    this.words = JSON.parse(this.dataset.taskhubWords);
    this.connection = new Connection({
      url,
      watch: () => ({ token }),
      ends: this.words.ends,
      headers: () => ({ "X-Taskhub-Token": token }),
      onFrame: (frame) => { if (frame.task) this.show(frame.task); },
      onState: (state, detail) => this.tell(state, detail),
    });
    this.connection.start();
  }

  disconnectedCallback() {
    this.connection?.stop();
    this.connection = undefined;
  }

  show(task) {
    this.lastNews = Date.now();
    this.task = task;
    for (const name of ["heading", "percent", "detail", "aside"]) this.write(name, task[name]);
    const bar = this.querySelector("progress");
    bar.setAttribute("aria-label", task.heading);
    bar.hidden = task.is_over;
    if (task.fraction === null) bar.removeAttribute("value");
    else bar.value = task.fraction;
    this.dataset.state = task.state;
    this.dispatchEvent(new CustomEvent("taskhub-progress", { detail: task, bubbles: true }));
    if (task.is_over) {
      this.disconnectedCallback();
      this.dispatchEvent(new CustomEvent("taskhub-over", { detail: task, bubbles: true }));
    }
  }

  /** While there is no connection, say how old the last news is. */
  tell(state, detail) {
    clearInterval(this.counting);
    if (state === "over") return this.write("aside", detail);
    if (state === "offline") {
      const since = this.lastNews ?? Date.now();
      const count = () => this.write("aside", phrase(this.words.reconnecting, { n: Math.round((Date.now() - since) / 1000) }));
      count();
      this.counting = setInterval(count, 1000);
    } else if (state !== "catching-up" && this.task) this.write("aside", this.task.aside);
  }

  /** Write a text only where it changed: a screen reader then says the heading once. */
  write(name, text) {
    const part = this.querySelector(`[data-part="${name}"]`);
    if (part.textContent !== text) part.textContent = text;
  }
}

customElements.define("taskhub-progress", TaskhubProgress);
