// One message as a node, and a run of messages as keyed items for reconcile().
import { dayOf, dateOf, h, icon, plural, timeOf } from "./dom.js";
import { image, renderBlocks } from "./blocks.js";
import { emojify, glyphOf } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { continues } from "./store.js";

/** Items for reconcile(): day lines and messages. `page` is the application (app.js); `inThread` hides thread links. */
export function messageItems(messages, page, inThread) {
  const items = [];
  let previous = null;
  for (const message of messages) {
    const day = dayOf(message.ts);
    if (!inThread && day !== (previous && dayOf(previous.ts))) {
      items.push({ key: "day " + day, signature: day, build: () => h("div", { class: "day", role: "separator" }, h("span", {}, day)) });
      previous = null;
    }
    const grouped = continues(message, previous);
    const replies = inThread ? [] : page.store.replies(message.channel, message.ts);
    const editing = page.editing === message.ts;
    items.push({
      key: message.ts,
      signature: JSON.stringify([message, grouped, replies.map((r) => [r.ts, r.user]), editing, page.store.user?.id, inThread]),
      build: () => messageNode(message, { page, grouped, replies, editing, inThread }),
    });
    previous = message;
  }
  return items;
}

function messageNode(message, { page, grouped, replies, editing, inThread }) {
  const author = page.store.author(message);
  const system = ["channel_join", "channel_leave", "channel_topic", "channel_purpose"].includes(message.subtype);
  const classes = ["message", grouped && "grouped", message.ephemeral && "is-ephemeral", system && "system"];
  return h(
    "article",
    {
      class: classes.filter(Boolean).join(" "),
      "data-testid": "message",
      "data-ts": message.ts,
      "data-ephemeral": message.ephemeral ? "true" : null,
      "aria-label": `${author.name}, ${timeOf(message.ts)}`,
    },
    h("div", { class: "gutter" }, grouped ? timeNode(message, "time hover-time") : avatar(author)),
    h(
      "div",
      { class: "message-main" },
      message.ephemeral && !grouped && onlyYou(),
      !grouped &&
        h(
          "div",
          { class: "byline" },
          h("span", { class: "author" }, author.name),
          author.isApp && h("span", { class: "badge app-badge" }, "APP"),
          timeNode(message, "time"),
        ),
      editing ? editor(message, page) : content(message, page),
      !editing && reactions(message, page),
      replies.length > 0 && threadSummary(message, replies, page),
      message.ephemeral &&
        h("button", { type: "button", class: "link dismiss", "data-testid": "dismiss", onclick: () => page.dismiss(message) }, "Dismiss message"),
    ),
    !editing && !message.ephemeral && toolbar(message, page, inThread),
  );
}

export function avatar(author, size = "") {
  if (author.isOurs) return h("img", { class: `avatar ${size}`, src: "/static/fingerpost.svg", alt: "" });
  const initials = author.name
    .split(/[\s._-]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => [...word][0].toUpperCase());
  const node = h("span", { class: `avatar ${size}`, "aria-hidden": "true" }, initials.join(""));
  const color = /^[0-9a-f]{6}$/i.test(author.color ?? "") ? "#" + author.color : "#5b6b73";
  node.style.setProperty("--avatar", color);
  return node;
}

function timeNode(message, className) {
  const date = dateOf(message.ts);
  return h("time", { class: className, datetime: date.toISOString(), title: date.toLocaleString() }, timeOf(message.ts));
}

function onlyYou() {
  return h("div", { class: "only-you" }, icon("eye"), "Only visible to you");
}

function content(message, page) {
  const names = page.store.names;
  const hasBlocks = message.blocks?.length > 0;
  const body = hasBlocks
    ? h("div", { class: "blocks" }, renderBlocks(message.blocks, page.messageContext(message)))
    : h("div", { class: "text" }, mrkdwn(message.text, names));
  const edited = message.edited && h("span", { class: "edited" }, "(edited)");
  if (edited && !hasBlocks) body.append(" ", edited);
  if (isJumbo(message)) body.classList.add("jumbo");
  const quotes = (message.attachments ?? []).map((item) =>
    h("blockquote", { class: "attachment" }, mrkdwn(item.text || item.fallback || "", names)),
  );
  return [body, hasBlocks && edited, quotes, (message.files ?? []).map((file) => fileNode(file, page))];
}

/** A message of nothing but a few emoji is shown large. */
function isJumbo(message) {
  const text = (message.text ?? "").trim();
  if (!text || message.blocks?.length || message.files?.length) return false;
  const names = text.match(/^(?::[a-z0-9_+-]+:\s*){1,6}$/) ? text.match(/[a-z0-9_+-]+/g) : null;
  return names ? names.every(glyphOf) : /^(?:\p{Extended_Pictographic}[\uFE0F\u200D\p{Emoji_Modifier}]*\s*){1,6}$/u.test(text);
}

function fileNode(file, page) {
  const isImage = file.mimetype?.startsWith("image/");
  const address = page.fileUrl(file);
  if (isImage) {
    return h(
      "figure",
      { class: "file-image" },
      h("figcaption", {}, file.title || file.name),
      image(file, { imageUrl: () => address }, "picture"),
    );
  }
  return h(
    "a",
    { class: "file", href: address, download: file.name, "data-testid": "file" },
    icon("clip"),
    h("span", {}, h("strong", {}, file.title || file.name), h("small", {}, file.mimetype || "processing…")),
  );
}

function reactions(message, page) {
  const list = message.reactions ?? [];
  if (!list.length) return null;
  const self = page.store.user?.id;
  return h(
    "div",
    { class: "reactions" },
    list.map((reaction) => {
      const mine = reaction.users?.includes(self);
      const who = (reaction.users ?? []).map((id) => (id === self ? "you" : (page.store.names.user(id) ?? id))).join(", ");
      return h(
        "button",
        {
          type: "button",
          class: mine ? "reaction mine" : "reaction",
          "data-testid": "reaction-" + reaction.name,
          "aria-pressed": mine ? "true" : "false",
          "aria-label": `${reaction.name.replaceAll("_", " ")}, ${plural(reaction.count, "reaction")}: ${who}`,
          title: `${who} reacted with :${reaction.name}:`,
          onclick: () => page.react(message, reaction.name, mine),
        },
        h("span", { class: "emoji" }, emojify(`:${reaction.name}:`)),
        h("span", { class: "count" }, reaction.count),
      );
    }),
  );
}

function threadSummary(message, replies, page) {
  const authors = [...new Map(replies.map((reply) => [reply.user ?? reply.bot_id, page.store.author(reply)])).values()];
  return h(
    "button",
    { type: "button", class: "thread-summary", "data-testid": "thread-summary", onclick: () => page.openThread(message.ts) },
    h("span", { class: "faces" }, authors.slice(0, 4).map((author) => avatar(author, "tiny"))),
    h("span", { class: "link" }, plural(replies.length, "reply", "replies")),
    h("span", { class: "quiet" }, `Last reply ${timeOf(replies.at(-1).ts)}`),
  );
}

function toolbar(message, page, inThread) {
  const tool = (name, label, testid, act) =>
    h("button", { type: "button", class: "tool", "aria-label": label, title: label, "data-testid": testid, onclick: act }, icon(name));
  const own = message.user === page.store.user?.id && !message.bot_id;
  return h(
    "div",
    { class: "toolbar", role: "group", "aria-label": "Message actions" },
    tool("smile", "Add reaction", "reaction-add", (event) => page.pickReaction(event.currentTarget, message)),
    !inThread && tool("reply", "Reply in thread", "thread-open", () => page.openThread(message.ts)),
    own && !message.subtype && tool("pencil", "Edit message", "message-edit", () => page.edit(message.ts)),
    own && tool("trash", "Delete message", "message-delete", () => page.remove(message)),
  );
}

/** The text as its author typed it, so that saving an edit does not escape it twice. */
function typedText(text, names) {
  return (text ?? "")
    .replace(/<@([A-Z0-9]+)(?:\|[^>]*)?>/g, (_, id) => "@" + (names.handle(id) ?? id))
    .replace(/<#([A-Z0-9]+)(?:\|[^>]*)?>/g, (_, id) => "#" + (names.channel(id) ?? id))
    .replace(/<!(here|channel|everyone)>/g, "@$1")
    .replace(/<(?:mailto:)?([^>|]+)(?:\|[^>]*)?>/g, "$1")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function editor(message, page) {
  const field = h("textarea", {
    class: "field",
    rows: 2,
    "aria-label": "Edit message",
    "data-testid": "edit-field",
    value: typedText(message.text, page.store.names),
    onkeydown: (event) => {
      if (event.key === "Escape") page.edit(null);
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      page.saveEdit(message, field.value);
    },
  });
  queueMicrotask(() => field.focus());
  return h(
    "div",
    { class: "editor" },
    field,
    h(
      "div",
      { class: "editor-foot" },
      h("button", { type: "button", class: "button", onclick: () => page.edit(null) }, "Cancel"),
      h("button", { type: "button", class: "button primary filled", onclick: () => page.saveEdit(message, field.value) }, "Save"),
    ),
  );
}
