// <taskhub-chart>: a chart that answers the pointer, in the place of the server's drawing. Without this file that drawing stays.
// It draws the numbers in its <script>, and follows them when the page is kept fresh; its table tells the words of each span.
import { minuteAt, write } from "./clock.js";
import { draw } from "./plot.js";

const looks = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) => matchMedia(query));

class TaskhubChart extends HTMLElement {
  #host; // where it draws
  #over; // ends what it listens to
  #text = "";
  #changes = new MutationObserver(() => this.#read());
  #sizes = new ResizeObserver(() => requestAnimationFrame(() => this.#fit())); // to draw is to resize

  connectedCallback() {
    const { signal } = this.#over = new AbortController();
    const redraw = () => { this.plot?.redraw(true, true); this.#tell(); };
    for (const look of looks) look.addEventListener("change", redraw, { signal });
    document.addEventListener("change", ({ target }) => { if (target.name === "theme") redraw(); }, { signal });
    document.addEventListener("taskhub-zone", redraw, { signal });
    document.fonts.ready.then(redraw);
    this.#changes.observe(this, { childList: true, subtree: true, characterData: true });
    this.#read();
  }

  disconnectedCallback() {
    this.#over.abort();
    this.#changes.disconnect();
    this.#end();
    this.#text = "";
  }

  /** See whether the numbers, or the place to draw them, are others now. */
  #read() {
    const host = this.querySelector("[data-keep]");
    const text = this.querySelector("script")?.textContent ?? "";
    if (host !== this.#host) {
      this.#end();
      this.#host = host;
      if (host) this.#sizes.observe(host);
    }
    if (text !== this.#text) {
      this.#text = text;
      this.numbers = text ? JSON.parse(text) : undefined;
      this.#show();
    }
    this.#tell();
  }

  #show() {
    const names = this.numbers?.traces.map((trace) => trace.name);
    if (this.plot && this.plot.series.slice(1).map((one) => one.label).join() === names?.join()) this.plot.show(this.numbers);
    else {
      this.#clear();
      this.#fit();
    }
  }

  /** Follow the size of the place; begin to draw where it is seen for the first time. */
  #fit() {
    const width = this.#host?.clientWidth;
    if (!width || !this.numbers) return;
    if (!this.plot) this.plot = draw(this.#host, this.numbers, () => this.#tell());
    const height = this.#host.clientHeight;
    if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
  }

  /** Let the keys say what was where the cursor stands; without one, what was in the last whole span. */
  #tell() {
    const at = this.plot?.cursor.idx ?? null;
    const row = at === null ? undefined : this.querySelectorAll("tbody tr")[this.numbers.count - 1 - at];
    for (const [number, value] of this.querySelectorAll("b[data-latest]").entries()) {
      write(value, row ? row.cells[number + 1].textContent : value.dataset.latest);
    }
    const time = this.querySelector("time[data-latest]");
    if (!time) return;
    const ms = row ? (this.numbers.start + at * this.numbers.step) * 1000 : Date.parse(time.dataset.latest);
    time.dateTime = new Date(ms).toISOString();
    write(time, minuteAt(ms));
  }

  #clear() {
    this.plot?.destroy();
    this.plot = undefined;
    this.#host?.replaceChildren();
  }

  #end() {
    this.#clear();
    this.#sizes.disconnect();
    this.#host = undefined;
  }
}

customElements.define("taskhub-chart", TaskhubChart);
