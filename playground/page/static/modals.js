// The open modal: a native dialog kept in step with the view that the server holds.
import { h, icon } from "./dom.js";
import { blockIdOf, renderBlocks } from "./blocks.js";
import { toast } from "./dialogs.js";
import { textOf } from "./elements.js";

export class Modal {
  /** `context(inputs, kept)` returns the block context of a view; `api` submits and closes. */
  constructor({ api, context }) {
    Object.assign(this, { api, context });
    this.dialog = null;
    this.view = null;
    this.inputs = new Map();
  }

  /** Show the view, replace what is shown by its new version, or close. */
  sync(view) {
    if (!view) {
      this.dialog?.remove();
      this.dialog = null;
      this.view = null;
      return;
    }
    if (this.view && this.view.id === view.id && this.view.hash === view.hash) return;
    // As in Slack, what was typed survives an update where block_id and action_id stay the same.
    const kept = this.view?.id === view.id ? this.values() : {};
    this.view = view;
    this.inputs = new Map();
    if (!this.dialog) {
      this.dialog = h("dialog", { class: "dialog modal", "data-testid": "modal" });
      this.dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        this.close();
      });
      document.body.append(this.dialog);
    }
    this.dialog.dataset.viewId = view.id;
    this.dialog.setAttribute("aria-label", textOf(view.title));
    this.dialog.replaceChildren(this.form(view, kept));
    if (!this.dialog.open) this.dialog.showModal();
  }

  form(view, kept) {
    const body = h("div", { class: "dialog-body" }, renderBlocks(view.blocks, this.context(this.inputs, kept)));
    return h(
      "form",
      {
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          this.submit();
        },
      },
      h(
        "header",
        { class: "dialog-head" },
        h("h2", {}, textOf(view.title)),
        h(
          "button",
          { type: "button", class: "icon-button", "aria-label": "Close", "data-testid": "modal-x", onclick: () => this.close() },
          icon("close"),
        ),
      ),
      body,
      h(
        "footer",
        { class: "dialog-foot" },
        h(
          "button",
          { type: "button", class: "button", "data-testid": "modal-close", onclick: () => this.close() },
          textOf(view.close) || (view.submit ? "Cancel" : "Close"),
        ),
        view.submit &&
          h("button", { type: "submit", class: "button primary filled", "data-testid": "modal-submit" }, textOf(view.submit)),
      ),
    );
  }

  /** What the person typed and chose, in the shape of view.state.values. */
  values() {
    const values = {};
    for (const { blockId, actionId, read } of this.inputs.values()) (values[blockId] ??= {})[actionId] = read();
    return values;
  }

  async submit() {
    const view = this.view;
    const values = this.values();
    if (this.showErrors(this.missing(view, values))) return;
    const button = this.dialog.querySelector("[data-testid=modal-submit]");
    button.disabled = true;
    try {
      const answer = await this.api.submitView(view.id, values);
      this.showErrors(answer.errors ?? {});
    } catch (error) {
      if (!this.showErrors(error.data?.errors ?? {})) toast(error.message);
    } finally {
      button.disabled = false;
    }
  }

  missing(view, values) {
    const errors = {};
    for (const [index, block] of (view.blocks ?? []).entries()) {
      if (block.type !== "input" || block.optional) continue;
      const blockId = blockIdOf(block, index);
      const { type, ...state } = values[blockId]?.[block.element.action_id] ?? {};
      const value = Object.values(state)[0];
      if (type && (value === null || value === undefined || value.length === 0)) errors[blockId] = "Please complete this required field.";
    }
    return errors;
  }

  /** Put messages under their blocks; returns whether there were any. */
  showErrors(errors) {
    for (const block of this.dialog?.querySelectorAll(".block-input") ?? []) {
      const line = block.querySelector(".input-error");
      const text = errors[block.dataset.blockId];
      line.hidden = !text;
      line.replaceChildren(text ?? "");
      block.classList.toggle("invalid", Boolean(text));
    }
    const first = this.dialog?.querySelector(".invalid input, .invalid textarea, .invalid select");
    first?.focus();
    return Object.keys(errors).length > 0;
  }

  async close() {
    const view = this.view;
    try {
      await this.api.closeView(view.id);
    } catch (error) {
      toast(error.message);
      this.sync(null);
    }
  }
}
