// The emoji picker: a search field over a grid of buttons.
import { h } from "./dom.js";
import { groups, searchEmoji } from "./emoji.js";
import { arrowKeys, closePopover, openPopover } from "./popover.js";

const COLUMNS = 8;

/** Open the picker at `anchor`; `choose(name)` is called with a name without colons. */
export function openPicker(anchor, customNames, choose) {
  const list = h("div", { class: "picker-list" });
  const status = h("p", { class: "picker-name", "aria-hidden": "true" });
  const search = h("input", {
    type: "search",
    class: "field",
    placeholder: "Search emoji",
    "aria-label": "Search emoji",
    "data-testid": "emoji-search",
    autocomplete: "off",
  });
  const option = ({ name, glyph }) =>
    h(
      "button",
      {
        type: "button",
        class: glyph ? "picker-emoji" : "picker-emoji picker-custom",
        "data-testid": "emoji-" + name,
        "aria-label": name.replaceAll("_", " "),
        title: `:${name}:`,
        onclick: () => {
          closePopover(true);
          choose(name);
        },
        onfocus: () => status.replaceChildren(`:${name}:`),
        onpointerenter: () => status.replaceChildren(`:${name}:`),
      },
      glyph ?? `:${name}:`,
    );
  const show = () => {
    const query = search.value.trim();
    const found = query ? [{ title: "Results", entries: searchEmoji(query, customNames) }] : [...groups];
    const custom = customNames.filter((name) => !groups.some((g) => g.entries.some((e) => e.name === name)));
    if (!query && custom.length) {
      found.splice(1, 0, { title: "Custom", entries: custom.map((name) => ({ name, glyph: null })) });
    }
    const sections = found.map((group) => [
      h("h3", {}, group.title),
      h("div", { class: "picker-grid" }, group.entries.map(option)),
    ]);
    list.replaceChildren(...(found[0].entries.length ? sections.flat() : [h("p", { class: "quiet" }, "No emoji of that name.")]));
    list.scrollTop = 0;
  };
  const buttons = () => [...list.querySelectorAll("button")];
  search.addEventListener("input", show);
  const panel = h(
    "div",
    {
      class: "picker",
      onkeydown: (event) => {
        if (event.target === search) {
          if (event.key === "Enter") buttons()[0]?.click();
          else if (event.key === "ArrowDown") arrowKeys(event, buttons());
          return;
        }
        if (arrowKeys(event, buttons(), COLUMNS)) return;
        if (event.key === "ArrowUp") search.focus();
      },
    },
    search,
    list,
    status,
  );
  show();
  if (openPopover(anchor, panel, "Pick an emoji")) search.focus();
}
