// The list over the composer: slash commands, people, channels, emoji.
import { h } from "./dom.js";
import { searchEmoji } from "./emoji.js";

const SHOWN = 8;

export class Completion {
  constructor(field, page, changed) {
    Object.assign(this, { field, page, changed });
    this.options = [];
    this.at = 0;
    this.dismissed = null;
    const id = field.id + "-completion";
    this.element = h("div", { id, class: "completion", role: "listbox", "aria-label": "Suggestions", hidden: true, "data-testid": "completion" });
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": id, "aria-expanded": "false" })) {
      field.setAttribute(name, value);
    }
    field.addEventListener("blur", () => this.show(null));
  }

  /** Look at the text before the caret and show what fits. */
  update() {
    const before = this.field.value.slice(0, this.field.selectionStart);
    const found = document.activeElement === this.field ? this.find(before) : null;
    this.show(found && before !== this.dismissed ? found : null);
  }

  /** Return {start, options: [{insert, title, detail, glyph}]} or null. */
  find(before) {
    const { store } = this.page;
    const word = before.match(/(?:^|\s)([@#:][^\s:]*)$/)?.[1] ?? "";
    const start = before.length - word.length;
    const query = word.slice(1).toLowerCase();
    if (/^\/\S*$/.test(before)) {
      const options = store.commands
        .filter(({ command }) => command.startsWith(before.toLowerCase()))
        .map(({ command, description, usage_hint: hint }) => ({ insert: command, title: command, hint, detail: description }));
      return { start: 0, options };
    }
    if (word[0] === "@") {
      const everyone = [...store.users.values()].map(({ name, real_name: real }) => ({ insert: "@" + name, title: real || name, detail: "@" + name }));
      everyone.push({ insert: "@here", title: "@here", detail: "Notifies everyone online in this channel" });
      return { start, options: everyone.filter((each) => `${each.title} ${each.insert}`.toLowerCase().includes(query)) };
    }
    if (word[0] === "#") {
      const named = store.channels.filter(({ name }) => name?.includes(query));
      return { start, options: named.map(({ name }) => ({ insert: "#" + name, title: "#" + name })) };
    }
    if (/^:[a-z+-][a-z0-9_+-]+$/i.test(word)) {
      const emoji = searchEmoji(query, store.customEmoji, SHOWN);
      return { start, options: emoji.map(({ name, glyph }) => ({ insert: `:${name}:`, title: `:${name}:`, glyph: glyph ?? "▫️" })) };
    }
    return null;
  }

  show(found) {
    this.start = found?.start ?? 0;
    this.options = (found?.options ?? []).slice(0, SHOWN);
    this.at = 0;
    this.element.hidden = !this.options.length;
    this.field.setAttribute("aria-expanded", String(this.options.length > 0));
    this.element.replaceChildren(
      ...this.options.map((option, index) =>
        h(
          "div",
          {
            id: `${this.element.id}-${index}`,
            class: "completion-option",
            role: "option",
            "data-testid": "completion-option",
            onpointerdown: (event) => {
              event.preventDefault();
              this.choose(index);
            },
          },
          option.glyph && h("span", { class: "emoji" }, option.glyph),
          h("strong", {}, option.title),
          option.hint && h("code", {}, option.hint),
          option.detail && h("span", { class: "quiet" }, option.detail),
        ),
      ),
    );
    this.mark();
  }

  mark() {
    [...this.element.children].forEach((child, index) => {
      child.setAttribute("aria-selected", String(index === this.at));
      if (index === this.at) child.scrollIntoView({ block: "nearest" });
    });
    if (this.options.length) this.field.setAttribute("aria-activedescendant", `${this.element.id}-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  /** Handle a key while the list is open; returns whether it was used. */
  pressed(event) {
    if (!this.options.length) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.at = (this.at + step + this.options.length) % this.options.length;
    else if (event.key === "Escape") {
      this.dismissed = this.field.value.slice(0, this.field.selectionStart);
      this.show(null);
    } else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) {
      // What is already typed in full is sent, not completed.
      const typed = this.field.value.slice(this.start, this.field.selectionStart);
      if (event.key === "Enter" && this.options.some((option) => option.insert === typed)) return false;
      this.choose(this.at);
    } else return false;
    event.preventDefault();
    if (step) this.mark();
    return true;
  }

  choose(index) {
    const { insert } = this.options[index];
    this.field.setRangeText(insert + " ", this.start, this.field.selectionStart, "end");
    this.field.focus();
    this.changed();
  }
}
