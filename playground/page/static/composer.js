// Where people type: Enter sends, Shift+Enter breaks the line; "/" "@" "#" ":" complete; files by button, paste or drop.
import { h, icon } from "./dom.js";
import { Completion } from "./completion.js";
import { toast } from "./dialogs.js";
import { openPicker } from "./picker.js";

const MAX_FILE_BYTES = 10_000_000;

export class Composer {
  /**
   * @param page the application
   * @param prefix "" for the channel's composer, "thread-" for the thread's
   * @param send async (text, file) => called with what was typed; a rejection puts the text back
   */
  constructor({ page, prefix, send }) {
    Object.assign(this, { page, prefix, send });
    this.file = null;
    this.drafts = new Map();
    this.key = null;
    const id = prefix + "composer";
    this.field = h("textarea", {
      id,
      class: "composer-field",
      rows: 1,
      "data-testid": id,
      "aria-label": "Message",
      autocomplete: "off",
      disabled: true, // until there is a channel to send to
      oninput: () => this.changed(),
      onkeydown: (event) => this.pressed(event),
      onpaste: (event) => this.take(event.clipboardData?.files?.[0], event),
    });
    this.completion = new Completion(this.field, page, () => this.changed());
    this.notice = h("p", { class: "composer-notice", role: "status", hidden: true, "data-testid": prefix + "composer-notice" });
    this.chip = h("div", { class: "chip", hidden: true });
    const chooser = h("input", {
      type: "file",
      hidden: true,
      "data-testid": prefix + "file-input",
      "aria-label": "File to attach",
      onchange: () => {
        this.take(chooser.files[0]);
        chooser.value = "";
      },
    });
    this.sendButton = h(
      "button",
      { type: "submit", class: "send", "data-testid": prefix + "send", "aria-label": "Send", title: "Send (Enter)", disabled: true },
      icon("send"),
    );
    const tool = (name, label, act) =>
      h("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick: act }, icon(name));
    this.element = h(
      "form",
      {
        class: "composer",
        "aria-label": prefix ? "Reply" : "Message",
        onsubmit: (event) => {
          event.preventDefault();
          this.submit();
        },
        ondragover: (event) => event.preventDefault(),
        ondrop: (event) => this.take(event.dataTransfer?.files?.[0], event),
      },
      this.notice,
      this.completion.element,
      h(
        "div",
        { class: "composer-box" },
        this.field,
        this.chip,
        h(
          "div",
          { class: "composer-tools" },
          tool("clip", "Attach a file", () => chooser.click()),
          tool("smile", "Insert emoji", (event) =>
            openPicker(event.currentTarget, page.store.customEmoji, (name) => this.insert(`:${name}: `)),
          ),
          h("span", { class: "hint" }, "Shift + Enter for a new line"),
          this.sendButton,
        ),
        chooser,
      ),
    );
  }

  /** Point the composer at a channel or thread; half-typed text waits there until it is shown again. */
  target(key, placeholder) {
    this.field.placeholder = placeholder;
    this.field.setAttribute("aria-label", placeholder);
    this.field.disabled = false;
    if (key === this.key) return;
    if (this.key) this.drafts.set(this.key, this.field.value);
    this.key = key;
    this.field.value = this.drafts.get(key) ?? "";
    this.attach(null);
    this.say("");
    this.changed();
  }

  focus() {
    this.field.focus();
  }

  changed() {
    this.field.style.setProperty("height", "auto");
    this.field.style.setProperty("height", `${Math.min(this.field.scrollHeight, 200)}px`);
    this.sendButton.disabled = !this.field.value.trim() && !this.file;
    this.completion.update();
  }

  pressed(event) {
    if (event.isComposing || this.completion.pressed(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.submit();
    }
  }

  insert(text) {
    this.field.setRangeText(text, this.field.selectionStart, this.field.selectionEnd, "end");
    this.field.focus();
    this.changed();
  }

  /** A line above the box: what became of a command, and such. */
  say(text) {
    this.notice.replaceChildren(text);
    this.notice.hidden = !text;
  }

  async submit() {
    const text = this.field.value.trim();
    const { file, key } = this;
    if (!text && !file) return;
    this.say("");
    this.field.value = "";
    this.attach(null);
    this.changed();
    try {
      const notice = await this.send(text, file);
      if (notice) this.say(notice);
    } catch (error) {
      if (this.key === key && !this.field.value) this.field.value = text;
      this.attach(file);
      this.changed();
      toast(error.message);
    }
  }

  take(file, event) {
    if (!file) return;
    event?.preventDefault();
    if (file.size > MAX_FILE_BYTES) {
      toast("Files may be up to 10 MB here.");
      return;
    }
    const reader = new FileReader();
    reader.onload = () => {
      const content = String(reader.result).split(",")[1] ?? "";
      this.attach({ name: file.name, mimetype: file.type || "application/octet-stream", content_base64: content });
    };
    reader.readAsDataURL(file);
  }

  attach(file) {
    this.file = file;
    this.chip.hidden = !file;
    this.chip.replaceChildren();
    if (file) {
      const remove = () => {
        this.attach(null);
        this.focus();
      };
      this.chip.append(
        icon("clip"),
        h("span", {}, file.name),
        h("button", { type: "button", class: "icon-button", "aria-label": "Remove the file", onclick: remove }, icon("close")),
      );
    }
    this.changed();
  }
}
