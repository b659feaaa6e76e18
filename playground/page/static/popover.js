// One small floating panel at a time: the emoji picker, overflow menus.
import { h } from "./dom.js";

let current = null;

/** Show `content` next to `anchor`; Escape, a click elsewhere or scrolling away closes it. */
export function openPopover(anchor, content, label, role = "dialog") {
  const again = current?.anchor === anchor;
  closePopover();
  if (again) return null;
  const panel = h("div", { class: "popover", role, "aria-label": label }, content);
  (anchor.closest("dialog") ?? document.body).append(panel);
  anchor.setAttribute("aria-expanded", "true");
  place(panel, anchor.getBoundingClientRect());
  const outside = (event) => panel.contains(event.target) || anchor.contains(event.target) || closePopover();
  const keys = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    closePopover(true);
  };
  document.addEventListener("pointerdown", outside, true);
  document.addEventListener("keydown", keys, true);
  addEventListener("resize", closePopover);
  current = { anchor, panel, outside, keys };
  return panel;
}

export function closePopover(refocus = false) {
  if (!current) return;
  const { anchor, panel, outside, keys } = current;
  current = null;
  document.removeEventListener("pointerdown", outside, true);
  document.removeEventListener("keydown", keys, true);
  removeEventListener("resize", closePopover);
  panel.remove();
  anchor.setAttribute("aria-expanded", "false");
  if (refocus === true) anchor.focus();
}

function place(panel, rect) {
  const { width, height } = panel.getBoundingClientRect();
  const margin = 8;
  const below = rect.bottom + 4;
  const top = below + height + margin < innerHeight ? below : Math.max(margin, rect.top - height - 4);
  const left = Math.max(margin, Math.min(rect.right - width, innerWidth - width - margin));
  panel.style.setProperty("top", `${top}px`);
  panel.style.setProperty("left", `${left}px`);
}

/** Let arrow keys move the focus among the elements that `find` returns, `columns` to a row. */
export function arrowKeys(event, items, columns = 1) {
  const at = items.indexOf(document.activeElement);
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (!step || !items.length) return false;
  const next = at < 0 ? (step > 0 ? 0 : items.length - 1) : at + step;
  if (next < 0 || next >= items.length) return false;
  event.preventDefault();
  items[next].focus();
  return true;
}
