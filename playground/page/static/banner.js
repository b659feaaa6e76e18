// The line on top of the page: what is going on behind the scenes, with progress and the time that is left.
import { h, icon } from "./dom.js";

export class Banner {
  constructor(container, now = () => Date.now()) {
    Object.assign(this, { container, now });
    this.banner = null;
    this.hidden = null;
    setInterval(() => this.tick(), 1000);
  }

  sync(banner) {
    if (JSON.stringify(banner) === JSON.stringify(this.banner)) return;
    this.banner = banner;
    this.since = this.now();
    this.draw();
  }

  draw() {
    const { banner, container } = this;
    container.hidden = !banner || this.hidden === banner.text;
    if (container.hidden) {
      container.replaceChildren();
      return;
    }
    const state = ["info", "working", "done", "error"].includes(banner.state) ? banner.state : "info";
    const known = typeof banner.fraction === "number";
    const percent = known ? Math.round(100 * Math.max(0, Math.min(1, banner.fraction))) : null;
    container.className = `banner ${state}`;
    this.eta = h("span", { class: "banner-eta" });
    const fill = h("span", { class: "banner-fill" });
    if (known) fill.style.setProperty("width", `${percent}%`);
    const close = () => {
      this.hidden = banner.text;
      this.draw();
    };
    container.replaceChildren(
      h("span", { class: "banner-text", role: "status" }, banner.text),
      known && state !== "done" ? this.eta : "",
      known
        ? h(
            "span",
            {
              class: "banner-progress",
              "data-testid": "banner-progress",
              role: "progressbar",
              "aria-label": banner.text,
              "aria-valuemin": 0,
              "aria-valuemax": 100,
              "aria-valuenow": percent,
            },
            fill,
          )
        : "",
      h("button", { type: "button", class: "icon-button", "aria-label": "Hide this notice", onclick: close }, icon("close")),
    );
    this.tick();
  }

  /** Count the time that is left down between two reports. */
  tick() {
    if (!this.eta || !this.banner || typeof this.banner.fraction !== "number") return;
    const percent = `${Math.round(100 * this.banner.fraction)}%`;
    const given = this.banner.eta_seconds;
    const left = given === null || given === undefined ? null : Math.max(0, given - (this.now() - this.since) / 1000);
    this.eta.replaceChildren(left === null ? percent : `${percent} · ${duration(left)}`);
  }
}

function duration(seconds) {
  if (seconds < 1.5) return "almost done";
  if (seconds < 90) return `about ${Math.round(seconds)} s left`;
  return `about ${Math.round(seconds / 60)} min left`;
}
