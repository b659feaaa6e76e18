// The live connection: frames as they come, reconnecting with growing pauses, and a re-sync after each gap.

const PAUSES_MS = [300, 700, 1500, 3000, 5000];

export class Stream {
  /**
   * @param who returns {team, user}
   * @param resync async: loads the whole state; frames that come meanwhile are kept and handed on afterwards
   * @param onFrame receives each frame
   * @param onStatus receives "connecting", "open" or "lost"
   */
  constructor({ who, resync, onFrame, onStatus }) {
    Object.assign(this, { who, resync, onFrame, onStatus });
    this.failures = 0;
    this.socket = null;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  /** Connect, or connect anew as somebody else. */
  connect() {
    clearTimeout(this.timer);
    this.socket?.close();
    const { team, user } = this.who();
    const address = new URL("/playground/stream", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.search = new URLSearchParams(Object.entries({ team, user }).filter(([, value]) => value));
    const socket = new WebSocket(address);
    this.socket = socket;
    let early = [];
    socket.onopen = async () => {
      try {
        await this.resync();
      } catch {
        socket.close();
        return;
      }
      if (this.socket !== socket) return;
      this.failures = 0;
      const kept = early;
      early = null;
      kept.forEach((frame) => this.onFrame(frame));
      this.onStatus("open");
    };
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      const frame = JSON.parse(data);
      if (early) early.push(frame);
      else this.onFrame(frame);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.onStatus("lost");
      this.timer = setTimeout(() => this.connect(), PAUSES_MS[Math.min(this.failures, PAUSES_MS.length - 1)]);
      this.failures += 1;
    };
  }

  /** Try at once when there is reason to think that it works again. */
  hurry() {
    if (this.socket?.readyState === WebSocket.CLOSED) this.connect();
  }
}
