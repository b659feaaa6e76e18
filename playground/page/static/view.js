// Draws what the page looks at: the head line, the channel, the thread, the Home tab.
import { renderBlocks } from "./blocks.js";
import { byId, h, plural } from "./dom.js";
import { messageItems } from "./messages.js";

export function drawHead(page, channel) {
  const { store } = page;
  const home = page.view === "home";
  const title = home ? store.app.name : channel ? store.title(channel) : "";
  const mark = home || !channel || store.isDirect(channel) ? "" : "#";
  byId("title").replaceChildren(h("span", { class: "hash", "aria-hidden": "true" }, mark), title);
  byId("members").replaceChildren(home ? "Home" : channel?.members ? plural(channel.members.length, "member") : "");
  document.title = `${mark}${title} · ${store.team?.name} · Playground`;
}

export function drawChannel(page, channel) {
  const { store } = page;
  const title = store.title(channel);
  const name = store.isDirect(channel) ? title : "#" + title;
  const start = { key: "start", signature: name, build: () => welcome(name) };
  page.messages.draw(channel.id, [start, ...messageItems(store.roots(channel.id), page, false)]);
  page.composer.target(`${page.who.user} ${channel.id}`, `Message ${name}`);
}

function welcome(name) {
  const text = "This is the very beginning of this conversation. Type a message below, or / for the app's commands.";
  return h("div", { class: "welcome" }, h("h3", {}, name), h("p", { class: "quiet" }, text));
}

/** Show the open thread; closes it when its first message is gone. */
export function drawThread(page, channel) {
  const { store } = page;
  const parent = channel && page.thread ? store.message(channel.id, page.thread) : null;
  if (!parent && channel) page.thread = null;
  byId("thread").hidden = !parent;
  if (!parent) return;
  const replies = store.replies(channel.id, page.thread);
  const line = plural(replies.length, "reply", "replies");
  const divider = { key: "divider", signature: line, build: () => h("div", { class: "replies-line" }, h("span", {}, line)) };
  page.replies.draw(`${channel.id} ${page.thread}`, [
    ...messageItems([parent], page, true),
    ...(replies.length ? [divider] : []),
    ...messageItems(replies, page, true),
  ]);
  byId("thread-where").replaceChildren(store.isDirect(channel) ? store.title(channel) : "#" + channel.name);
  page.replyComposer.target(`${page.who.user} ${channel.id} ${page.thread}`, "Reply…");
}

export function drawHome(page) {
  const view = page.store.home;
  const signature = JSON.stringify([view, page.who]);
  const body = byId("home-view");
  if (body.dataset.signature === signature) return;
  body.dataset.signature = signature;
  const empty = h("p", { class: "quiet" }, "Nothing here yet. The app fills this tab when it hears that you opened it.");
  body.replaceChildren(h("div", { class: "home-body" }, view ? renderBlocks(view.blocks, page.viewContext(view, {})) : empty));
}
