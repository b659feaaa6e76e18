// A scrolling list of messages that stays at the newest one unless the reader went up.
import { h, icon, reconcile } from "./dom.js";

const NEAR_PX = 80;

export class Pane {
  constructor({ label, testid }) {
    this.list = h("div", { class: "messages", role: "feed", "aria-label": label, "data-testid": testid });
    this.scroller = h("div", { class: "scroller", tabindex: "0", "aria-label": label, role: "region" }, this.list);
    this.jump = h(
      "button",
      { type: "button", class: "jump", hidden: true, onclick: () => this.toEnd("smooth") },
      icon("down"),
      "New messages",
    );
    this.element = h("div", { class: "pane" }, this.scroller, this.jump);
    this.pinned = true;
    this.key = null;
    this.last = null;
    this.scroller.addEventListener("scroll", () => {
      this.pinned = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < NEAR_PX;
      if (this.pinned) this.jump.hidden = true;
    });
    // Images and wrapped lines change heights after the fact.
    new ResizeObserver(() => this.pinned && this.toEnd()).observe(this.list);
    new ResizeObserver(() => this.pinned && this.toEnd()).observe(this.scroller);
  }

  /** Show items; a change of `key` (channel or thread) starts at the end again. */
  draw(key, items) {
    const changed = key !== this.key;
    if (changed) this.list.replaceChildren();
    this.key = key;
    reconcile(this.list, items);
    const last = items.at(-1)?.key;
    const fresh = last !== this.last && !changed;
    this.last = last;
    if (changed || this.pinned) this.toEnd();
    else if (fresh) this.jump.hidden = false;
  }

  toEnd(behavior = "instant") {
    this.pinned = true;
    this.jump.hidden = true;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior });
  }
}
