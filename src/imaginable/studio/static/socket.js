// The live side: pictures come as binary frames, news as JSON. A lost socket is opened again, ever less often.

const HEADER = 12; // bytes: seq 4, width 2, height 2, pane 1, and 3 that mean nothing yet
const BEAT = 15_000;
const FIRST_WAIT = 400;
const LONGEST_WAIT = 8_000;

/** Events: "open", "away", "frame" {seq, width, height, pane, pixels}, "news" (a JSON message). */
export class Socket extends EventTarget {
  #socket = null;
  #wait = FIRST_WAIT;
  #beat = 0;
  #answered = true;

  constructor() {
    super();
    addEventListener("online", () => this.#retry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#retry();
    });
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = () => {
      if (socket === this.#socket) this.#closed();
    };
  }

  /** False when there is nobody to tell: the caller asks again on "open". */
  send(message) {
    if (this.open) this.#socket.send(JSON.stringify(message));
    return this.open;
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #opened() {
    this.#wait = FIRST_WAIT;
    this.#answered = true;
    clearInterval(this.#beat);
    this.#beat = setInterval(() => this.#check(), BEAT);
    this.#emit("open");
  }

  #closed() {
    clearInterval(this.#beat);
    this.#socket = null;
    this.#emit("away");
    const wait = this.#wait * (0.8 + 0.4 * Math.random()); // many tabs shall not come back in one moment
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
    setTimeout(() => this.#retry(), wait);
  }

  #retry() {
    if (!this.#socket) this.connect();
  }

  /** A socket can be dead without saying so, after a sleep for example. */
  #check() {
    if (!this.#answered) return this.#socket?.close();
    this.#answered = false;
    return this.send({ type: "ping" });
  }

  #received(data) {
    this.#answered = true;
    if (typeof data === "string") return this.#emit("news", JSON.parse(data));
    return this.#emit("frame", parse(data));
  }
}

function parse(buffer) {
  const view = new DataView(buffer);
  const width = view.getUint16(4, true);
  const height = view.getUint16(6, true);
  const pixels = new Uint8ClampedArray(buffer, HEADER, width * height * 4);
  return { seq: view.getUint32(0, true), width, height, pane: String(view.getUint8(8)), pixels };
}
