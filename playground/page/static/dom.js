// Small helpers for building the page out of nodes. Data only ever becomes text nodes and checked attributes.

/** Build an element: h("button", {class: "x", onclick: f, "data-id": id}, "text", node, [more]). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

export function append(parent, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return parent;
}

export function byId(id) {
  return document.getElementById(id);
}

/** A line icon: path data is ours, never a message's. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const ICONS = {
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 14.5c1.9 2.3 5.1 2.3 7 0M9 9.5v.5M15 9.5v.5",
  reply: "M20 15a3 3 0 0 1-3 3H9l-5 3V7a3 3 0 0 1 3-3h10a3 3 0 0 1 3 3zM8 9h8M8 13h5",
  pencil: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  close: "M6 6l12 12M18 6L6 18",
  clip: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.5 17a1.7 1.7 0 0 1-2.4-2.4L14.5 7",
  send: "M4 12l16-8-5 17-4-7zM11 14l9-10",
  down: "M12 5v14M6 13l6 6 6-6",
  dots: "M6 12h.01M12 12h.01M18 12h.01",
  eye: "M3 12c4-8 14-8 18 0-4 8-14 8-18 0M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
  home: "M4 11l8-7 8 7v9h-5v-6H9v6H4z",
};

/** Return the address when it is safe to put behind a link, else null. */
export function safeUrl(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:", "mailto:", "tel:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const signatures = new WeakMap();

/**
 * Bring a container's children to the given items [{key, signature, build}], keeping those whose signature is
 * unchanged: focus, open menus and half-typed edits in other messages survive a new message.
 */
export function reconcile(container, items) {
  const existing = new Map([...container.children].map((child) => [child.dataset.key, child]));
  let position = container.firstElementChild;
  for (const item of items) {
    let element = existing.get(item.key);
    existing.delete(item.key);
    if (!element || signatures.get(element) !== item.signature) {
      const fresh = item.build();
      fresh.dataset.key = item.key;
      signatures.set(fresh, item.signature);
      if (element) {
        const mark = focusMark(element);
        if (position === element) position = fresh;
        element.replaceWith(fresh);
        if (mark) fresh.querySelector(mark)?.focus({ preventScroll: true });
      }
      element = fresh;
    }
    if (position === element) position = element.nextElementSibling;
    else container.insertBefore(element, position);
  }
  for (const gone of existing.values()) gone.remove();
}

function focusMark(element) {
  const focused = document.activeElement;
  if (!element.contains(focused)) return null;
  for (const name of ["data-action-id", "data-testid"]) {
    const value = focused.getAttribute?.(name);
    if (value) return `[${name}="${CSS.escape(value)}"]`;
  }
  return null;
}

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat([], { weekday: "long", month: "long", day: "numeric" });

export function dateOf(ts) {
  return new Date(parseFloat(ts) * 1000);
}

export function timeOf(ts) {
  return clock.format(dateOf(ts));
}

export function dayOf(ts) {
  const date = dateOf(ts);
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (date.toDateString() === today.toDateString()) return "Today";
  return date.toDateString() === yesterday.toDateString() ? "Yesterday" : day.format(date);
}

export function plural(count, word, words = word + "s") {
  return `${count} ${count === 1 ? word : words}`;
}
