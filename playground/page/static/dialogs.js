// Confirm dialogs and the brief notices at the foot of the page.
import { byId, h } from "./dom.js";
import { textNodes, textOf } from "./elements.js";

/** Ask as Block Kit's confirm object says; resolves to true or false. */
export function confirmDialog(confirm, names) {
  const danger = confirm.style === "danger";
  return ask({
    title: textOf(confirm.title) || "Are you sure?",
    body: textNodes(confirm.text, names),
    yes: textOf(confirm.confirm) || "Yes",
    no: textOf(confirm.deny) || "Cancel",
    danger,
  });
}

/** Ask a question; resolves to true or false (Escape too). */
export function ask({ title, body, yes, no = "Cancel", danger = false }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { class: "dialog small", "data-testid": "confirm", "aria-label": title, onclose: () => finish() },
      h("h2", {}, title),
      h("div", { class: "dialog-body" }, body),
      h(
        "div",
        { class: "dialog-foot" },
        h("button", { type: "button", class: "button", "data-testid": "confirm-no", onclick: () => dialog.close() }, no),
        h(
          "button",
          {
            type: "button",
            class: danger ? "button danger filled" : "button primary filled",
            "data-testid": "confirm-yes",
            onclick: () => dialog.close("yes"),
          },
          yes,
        ),
      ),
    );
    const finish = () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    };
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Show a notice for some seconds. */
export function toast(text, kind = "error") {
  const host = document.querySelector("dialog[open]") ?? byId("toasts");
  if ([...host.querySelectorAll(".toast")].some((shown) => shown.textContent === text)) return;
  const note = h("div", { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status", "data-testid": "toast" }, text);
  host.append(note);
  setTimeout(() => note.remove(), 6000);
}
