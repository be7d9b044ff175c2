// One connection that brings frames: a websocket, or polling where websockets are blocked.
// It keeps no state of the page: each frame holds what is new, and after a gap the server sends all.
const FIRST_RETRY = 500, SLOWEST_RETRY = 3300; // ms, before the jitter: 5 s at most, so that pages are back soon after a restart
const SILENT_FOR = 40_000; // the server speaks at least every 15 s
const FAILURES_UNTIL_POLLING = 2, POLL_EVERY = 3000, WEBSOCKET_AGAIN = 60_000;
const HIDDEN_FOR = 3000; // a tab out of sight is quiet after this

const jittered = (ms) => ms * (0.5 + Math.random());

export class Connection {
  /** `url` is the address of both; `watch()` says what to watch, `headers()` who asks where there is no login; `ends` are
   *  the words for the codes after which trying again would change nothing;
   *  `onFrame(frame)` shows news; `onState(state, detail)` hears "on", "polling", "catching-up", "offline" or "over". */
  constructor({ url, watch, headers, ends, onFrame, onState }) {
    Object.assign(this, { watch, ends, headers: headers ?? (() => ({})), onFrame, onState });
    this.url = new URL(url, location.href);
    this.failures = 0;
    this.timers = new Set();
  }

  start() {
    document.addEventListener("visibilitychange", this.seen = () => this.#seen());
    addEventListener("online", this.online = () => this.#again());
    addEventListener("pagehide", this.hidden = () => this.#quiet());
    addEventListener("pageshow", this.shown = (event) => { if (event.persisted) this.#again(); });
    if (!document.hidden) this.#open();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.seen);
    removeEventListener("online", this.online);
    removeEventListener("pagehide", this.hidden);
    removeEventListener("pageshow", this.shown);
    this.#quiet();
  }

  /** Say anew what to watch. */
  tell() {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "watch", ...this.watch() }));
  }

  #open() {
    if (this.isOver) return;
    this.#quiet();
    const address = new URL(this.url);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = this.socket = new WebSocket(address);
    socket.addEventListener("open", () => { this.#report("catching-up"); this.tell(); });
    socket.addEventListener("message", (event) => this.#hear(socket, JSON.parse(event.data)));
    socket.addEventListener("close", (event) => { if (socket === this.socket) this.#closed(event); });
    if (!this.failures) this.#report("catching-up");
  }

  #hear(socket, frame) {
    if (socket !== this.socket) return;
    this.failures = 0;
    this.onFrame(frame);
    if (socket !== this.socket || socket.readyState !== WebSocket.OPEN) return; // that frame was the last
    socket.send(JSON.stringify({ type: "ack", n: frame.n }));
    this.#report(frame.late ? "catching-up" : "on");
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.#open(), SILENT_FOR);
  }

  #closed({ code }) {
    this.#quiet();
    if (code in this.ends) return this.#end(code); // what the server gives as its reason is English
    this.failures += 1;
    if (this.failures >= FAILURES_UNTIL_POLLING) return this.#poll();
    this.#report("offline");
    this.#later(() => this.#open(), jittered(FIRST_RETRY));
  }

  async #poll() {
    const { signal } = this.aborting = new AbortController();
    try {
      const address = new URL(this.url);
      for (const [key, value] of Object.entries(this.watch())) address.searchParams.set(key, value);
      const answer = await fetch(address, { headers: { Accept: "application/json", ...this.headers() }, signal });
      if (answer.redirected) return this.#end(4401);
      if ([403, 404].includes(answer.status)) return this.#end(4000 + answer.status);
      if (!answer.ok) throw new Error(answer.statusText);
      this.onFrame(await answer.json());
      this.#report("polling");
      this.polledSince ??= Date.now();
      if (Date.now() - this.polledSince > WEBSOCKET_AGAIN) {
        this.polledSince = undefined;
        this.failures = FAILURES_UNTIL_POLLING - 1; // one try, then polling goes on
        return this.#later(() => this.#open(), 0);
      }
      this.#later(() => this.#poll(), jittered(POLL_EVERY));
    } catch {
      if (signal.aborted) return;
      this.failures += 1;
      this.polledSince = undefined;
      this.#report("offline");
      // The server is away altogether: when it is back, so may be its websockets.
      this.#later(() => this.#open(), jittered(Math.min(SLOWEST_RETRY, FIRST_RETRY * 2 ** this.failures)));
    }
  }

  #seen() {
    clearTimeout(this.hiding);
    if (document.hidden) this.hiding = setTimeout(() => this.#quiet(), HIDDEN_FOR);
    else if (!this.socket || this.socket.readyState > WebSocket.OPEN) this.#again();
  }

  #again() {
    this.failures = 0;
    if (!document.hidden) this.#open();
  }

  /** End whatever is under way; nothing is heard of it any more. */
  #quiet() {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    clearTimeout(this.silence);
    clearTimeout(this.hiding);
    this.aborting?.abort();
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }

  #end(code) {
    this.isOver = true;
    this.#report("over", this.ends[code]);
  }

  #later(act, ms) {
    const timer = setTimeout(() => { this.timers.delete(timer); act(); }, ms);
    this.timers.add(timer);
  }

  #report(state, detail = "") {
    if (state !== this.state || detail) this.onState(this.state = state, detail);
  }
}
