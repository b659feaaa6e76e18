// Block Kit blocks to nodes: messages, modals and the Home tab share them.
import { h, safeUrl } from "./dom.js";
import { renderElement, textNodes, textOf } from "./elements.js";
import { markdown, richText } from "./richtext.js";

const GENERATED = "generated ";

/** The block_id to report to the server: none for blocks that came without one. */
export function reportedId(blockId) {
  return blockId.startsWith(GENERATED) ? undefined : blockId;
}

/** What a block is called on this page. */
export function blockIdOf(block, index) {
  return block.block_id ?? GENERATED + index;
}

/** Render blocks; `context` as in elements.js, plus imageUrl(image). */
export function renderBlocks(blocks, context) {
  return (blocks ?? []).map((block, index) => {
    const blockId = blockIdOf(block, index);
    const build = BUILDERS[block.type];
    const node = build
      ? build(block, context, blockId)
      : h("p", { class: "block-unknown" }, `Block of type ${block.type} is not shown here`);
    node.dataset.blockId = blockId;
    return node;
  });
}

function header(block) {
  return h("h3", { class: "block block-header" }, textOf(block.text));
}

function section(block, context, blockId) {
  return h(
    "div",
    { class: "block block-section" },
    h(
      "div",
      { class: "section-body" },
      block.text && h("div", { class: "section-text" }, textNodes(block.text, context.names)),
      block.fields && h("div", { class: "fields" }, block.fields.map((field) => h("div", {}, textNodes(field, context.names)))),
    ),
    block.accessory && h("div", { class: "accessory" }, elementOrImage(block.accessory, context, blockId)),
  );
}

function elementOrImage(element, context, blockId) {
  return element.type === "image" ? image(element, context, "thumb") : renderElement(element, context, blockId);
}

function contextBlock(block, context) {
  const parts = (block.elements ?? []).map((element) =>
    element.type === "image" ? image(element, context, "context-image") : h("span", {}, textNodes(element, context.names)),
  );
  return h("div", { class: "block block-context" }, parts);
}

function actions(block, context, blockId) {
  return h(
    "div",
    { class: "block block-actions", role: "group", "aria-label": "Actions" },
    (block.elements ?? []).map((element) => renderElement(element, context, blockId)),
  );
}

function imageBlock(block, context) {
  return h(
    "figure",
    { class: "block block-image" },
    block.title && h("figcaption", {}, textOf(block.title)),
    image(block, context, "picture"),
  );
}

/** An image of this server; one from outside is not loaded: its description and address stand in. */
export function image(source, context, className) {
  const address = context.imageUrl(source) ?? "";
  const alt = source.alt_text || source.alt_txt || source.title?.text || source.name || "image";
  const standIn = () => {
    const href = safeUrl(address);
    const link = href ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, alt) : alt;
    return h("span", { class: "image-missing" }, "🖼 ", link);
  };
  if (!isLocal(address)) return standIn();
  const node = h("img", { class: className, alt, loading: "lazy", src: address });
  node.addEventListener("error", () => node.replaceWith(standIn()));
  return node;
}

function isLocal(address) {
  return Boolean(address) && URL.canParse(address, location.href) && new URL(address, location.href).origin === location.origin;
}

function inputBlock(block, context, blockId) {
  if (block.dispatch_action) (context.dispatches ??= new Set()).add(blockId);
  const label = textOf(block.label);
  // The visible label is outside: an element may be a group of boxes, so each control gets it as its own name.
  return h(
    "div",
    { class: "block block-input" },
    h(
      "div",
      { class: "input-label", "aria-hidden": "true" },
      label,
      block.optional && h("small", {}, " (optional)"),
    ),
    renderElement(block.element, inputContext(block, context, blockId), blockId, label),
    block.hint && h("small", { class: "hint" }, textOf(block.hint)),
    h("p", { class: "input-error", role: "alert", hidden: true }),
  );
}

/** Elements of input blocks report only when the view is submitted, unless the block says dispatch_action. */
function inputContext(block, context, blockId) {
  if (block.dispatch_action) return { ...context, dispatches: new Set([blockId]) };
  return { ...context, act: null };
}

const BUILDERS = {
  header,
  section,
  context: contextBlock,
  actions,
  divider: () => h("hr", { class: "block" }),
  image: imageBlock,
  input: inputBlock,
  markdown: (block) => h("div", { class: "block block-markdown" }, markdown(block.text)),
  rich_text: (block, context) => h("div", { class: "block block-rich" }, richText(block.elements, context.names)),
};
