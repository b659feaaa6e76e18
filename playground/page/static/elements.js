// Block Kit's interactive elements: native form controls, so that keyboard and screen readers just work.
import { h, icon, safeUrl } from "./dom.js";
import { emojify } from "./emoji.js";
import { mrkdwn, unescape } from "./mrkdwn.js";
import { confirmDialog } from "./dialogs.js";
import { arrowKeys, closePopover, openPopover } from "./popover.js";

/** Return the string of a text object, emoji names as glyphs. */
export function textOf(text) {
  if (!text) return "";
  const plain = text.type === "mrkdwn" ? unescape(text.text ?? "") : (text.text ?? "");
  return text.emoji === false ? plain : emojify(plain);
}

/** Render a text object, plain or mrkdwn. */
export function textNodes(text, names) {
  if (!text) return [];
  if (text.type === "mrkdwn") return mrkdwn(text.text, names);
  return textOf(text)
    .split("\n")
    .flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

/**
 * Render an interactive element.
 *
 * @param element Block Kit's JSON
 * @param context {names, users, channels, act(blockId, element, patch), inputs?: Map, kept?: state.values}
 * @param blockId the block it belongs to
 * @param label accessible name of an input block's element
 */
export function renderElement(element, context, blockId, label) {
  const build = BUILDERS[element.type];
  if (!build) return h("span", { class: "block-unknown" }, `Element of type ${element.type} is not shown here`);
  const state = context.kept?.[blockId]?.[element.action_id];
  return build({ element, context, blockId, label, state });
}

/** Common attributes; `read` (modals) returns the element's part of view.state.values. */
function register({ element, context, blockId }, read) {
  context.inputs?.set(`${blockId} ${element.action_id}`, { blockId, actionId: element.action_id, read });
}

async function act({ element, context, blockId }, patch, control) {
  if (!context.act) return false;
  if (element.confirm && !(await confirmDialog(element.confirm, context.names))) return false;
  control?.setAttribute("aria-busy", "true");
  try {
    await context.act(blockId, element, patch);
  } finally {
    control?.removeAttribute("aria-busy");
  }
  return true;
}

function button(at) {
  const { element } = at;
  const style = { primary: "button primary", danger: "button danger" }[element.style] ?? "button";
  const control = h(
    "button",
    {
      type: "button",
      class: style,
      "data-action-id": element.action_id,
      "aria-label": element.accessibility_label,
      onclick: () => {
        const href = element.url && safeUrl(element.url);
        if (href) window.open(href, "_blank", "noopener,noreferrer");
        if (control.getAttribute("aria-busy") !== "true") act(at, { value: element.value }, control);
      },
    },
    textOf(element.text),
  );
  return control;
}

const optionOf = (option) => ({ text: option.text, value: option.value });

function select(at) {
  const { element, label, state } = at;
  const groups = element.option_groups ?? [{ options: element.options ?? [] }];
  const options = groups.flatMap((group) => group.options);
  const initial = (state ? state.selected_option : element.initial_option)?.value;
  const node = (option) =>
    h("option", { value: option.value, title: textOf(option.description), selected: option.value === initial }, textOf(option.text));
  const placeholder = textOf(element.placeholder) || "Select an option";
  return selectControl(at, {
    placeholder,
    label,
    chosen: initial !== undefined,
    children: groups.map((group) =>
      group.label ? h("optgroup", { label: textOf(group.label) }, group.options.map(node)) : group.options.map(node),
    ),
    patch: (value) => ({ selected_option: optionOf(options.find((option) => option.value === value)) }),
    empty: { selected_option: null },
  });
}

function selectControl(at, { placeholder, label, chosen, children, patch, empty }) {
  const { element } = at;
  const control = h(
    "select",
    {
      class: "field select",
      "data-action-id": element.action_id,
      "aria-label": label ?? placeholder,
      onchange: async () => {
        const done = await act(at, patch(control.value), control);
        if (!done && !at.context.inputs) control.value = "";
      },
    },
    h("option", { value: "", disabled: true, hidden: true, selected: !chosen }, placeholder),
    children,
  );
  register(at, () => ({ type: element.type, ...(control.value ? patch(control.value) : empty) }));
  return control;
}

/** A menu of people or of channels; `key` is the field that carries the chosen id. */
function directory(key, list) {
  return (at) => {
    const initial = at.state?.[key] ?? at.element["initial_" + key.replace("selected_", "")];
    return selectControl(at, {
      placeholder: textOf(at.element.placeholder) || "Select",
      label: at.label,
      chosen: Boolean(initial),
      children: list(at.context).map(({ id, name }) => h("option", { value: id, selected: id === initial }, name)),
      patch: (value) => ({ [key]: value }),
      empty: { [key]: null },
    });
  };
}

const people = (context) => (context.users?.() ?? []).map((user) => ({ id: user.id, name: user.real_name || user.name }));
const places = (context) => (context.channels?.() ?? []).map((channel) => ({ id: channel.id, name: "#" + channel.name }));

function choices(at, type) {
  const { element, context, label, state } = at;
  const options = element.options ?? [];
  const before = state ?? { selected_options: element.initial_options, selected_option: element.initial_option };
  const initial = new Set([...(before.selected_options ?? []), before.selected_option].map((option) => option?.value));
  const name = `choice-${crypto.randomUUID()}`;
  const boxes = options.map((option) => h("input", { type, name, value: option.value, checked: initial.has(option.value) }));
  const value = () => {
    const chosen = options.filter((_, index) => boxes[index].checked).map(optionOf);
    return type === "radio" ? { selected_option: chosen[0] ?? null } : { selected_options: chosen };
  };
  register(at, () => ({ type: element.type, ...value() }));
  return h(
    "fieldset",
    { class: "choices", "data-action-id": element.action_id, "aria-label": label, onchange: () => act(at, value()) },
    options.map((option, index) =>
      h(
        "label",
        { class: "choice" },
        boxes[index],
        h(
          "span",
          {},
          textNodes(option.text, context.names),
          option.description && h("small", {}, textNodes(option.description, context.names)),
        ),
      ),
    ),
  );
}

function overflow(at) {
  const { element } = at;
  const control = h(
    "button",
    {
      type: "button",
      class: "button overflow",
      "data-action-id": element.action_id,
      "aria-label": "More actions",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      onclick: () => {
        const items = (element.options ?? []).map((option) =>
          h(
            "button",
            {
              type: "button",
              class: "menu-item",
              role: "menuitem",
              "data-value": option.value,
              onclick: () => {
                closePopover(true);
                const href = option.url && safeUrl(option.url);
                if (href) window.open(href, "_blank", "noopener,noreferrer");
                act(at, { selected_option: optionOf(option) }, control);
              },
            },
            textOf(option.text),
          ),
        );
        const menu = h("div", { class: "menu", onkeydown: (event) => arrowKeys(event, items) }, items);
        if (openPopover(control, menu, "More actions", "menu")) items[0]?.focus();
      },
    },
    icon("dots"),
  );
  return control;
}

function input(type, key = "value") {
  return (at) => {
    const { element, label, state } = at;
    const initial = state ? state[key] : (element["initial_" + key.replace("selected_", "")] ?? element.initial_value);
    const attributes = {
      class: "field",
      "data-action-id": element.action_id,
      "aria-label": label,
      placeholder: textOf(element.placeholder),
      minlength: element.min_length,
      maxlength: element.max_length,
      min: element.min_value,
      max: element.max_value,
      value: initial ?? "",
    };
    const control = element.multiline ? h("textarea", { ...attributes, rows: 4 }) : h("input", { ...attributes, type });
    control.addEventListener("change", () => at.context.dispatches?.has(at.blockId) && act(at, { [key]: control.value }));
    register(at, () => ({ type: element.type, [key]: control.value || null }));
    return control;
  };
}

const BUILDERS = {
  button,
  overflow,
  static_select: select,
  multi_static_select: (at) => choices(at, "checkbox"),
  checkboxes: (at) => choices(at, "checkbox"),
  radio_buttons: (at) => choices(at, "radio"),
  users_select: directory("selected_user", people),
  channels_select: directory("selected_channel", places),
  conversations_select: directory("selected_conversation", places),
  plain_text_input: input("text"),
  email_text_input: input("email"),
  url_text_input: input("url"),
  number_input: input("number"),
  datepicker: input("date", "selected_date"),
  timepicker: input("time", "selected_time"),
};
