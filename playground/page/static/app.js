// The playground's page: holds what is being looked at, and ties the parts together.
import { Api, readable } from "./api.js";
import { Banner } from "./banner.js";
import { reportedId } from "./blocks.js";
import { Composer } from "./composer.js";
import { ask, toast } from "./dialogs.js";
import { byId, h } from "./dom.js";
import { Modal } from "./modals.js";
import { mrkdwn, plainText } from "./mrkdwn.js";
import { Pane } from "./pane.js";
import { openPicker } from "./picker.js";
import { drawSidebar } from "./sidebar.js";
import { isReply, Store } from "./store.js";
import { Stream } from "./stream.js";
import { drawChannel, drawHead, drawHome, drawThread } from "./view.js";

class Page {
  constructor() {
    const query = new URLSearchParams(location.search);
    this.who = { team: query.get("team"), user: query.get("user") };
    this.view = "channel";
    this.channel = query.get("channel");
    this.thread = null;
    this.editing = null;
    this.read = new Map();
    this.store = new Store();
    this.api = new Api(() => this.who);
    this.banner = new Banner(byId("banner"));
    this.modal = new Modal({ api: this.api, context: (inputs, kept) => this.viewContext(this.store.view, { inputs, kept }) });
    this.messages = new Pane({ label: "Messages", testid: "messages" });
    this.replies = new Pane({ label: "Thread", testid: "thread-messages" });
    this.composer = new Composer({ page: this, prefix: "", send: (text, file) => this.send(text, file, null) });
    this.replyComposer = new Composer({ page: this, prefix: "thread-", send: (text, file) => this.send(text, file, this.thread) });
    byId("channel-view").append(this.messages.element, this.composer.element);
    byId("thread-body").append(this.replies.element, this.replyComposer.element);
    byId("thread-close").addEventListener("click", () => this.openThread(null));
    byId("menu").addEventListener("click", () => this.drawer(!document.body.classList.contains("drawer-open")));
    byId("scrim").addEventListener("click", () => this.drawer(false));
    document.addEventListener("click", (event) => this.followMention(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && this.escape());
    this.stream = new Stream({
      who: () => this.who,
      resync: () => this.resync(),
      onFrame: (frame) => this.receive(frame),
      onStatus: (status) => (byId("connection").hidden = status !== "lost"),
    });
    this.stream.connect();
  }

  // What comes from the server

  async resync() {
    let state = await this.api.state().catch((error) => this.startOver(error));
    if (!state.users.some((user) => user.id === state.user?.id)) {
      this.who = { team: state.team.id, user: state.users.find((user) => !user.is_bot)?.id };
      state = await this.api.state();
      queueMicrotask(() => this.stream.connect()); // the stream was opened for somebody of another workspace
    }
    this.who = { team: state.team.id, user: state.user.id };
    this.store.load(state);
    if (!this.store.channel(this.channel)) this.channel = state.channels[0]?.id ?? null;
    for (const { id } of state.channels) if (!this.read.has(this.readKey(id))) this.markRead(id);
    this.render();
  }

  /** An address that names somebody who is not there (any more) opens the default workspace. */
  startOver(error) {
    if (error.status !== 404 || (!this.who.team && !this.who.user)) throw error;
    this.who = { team: null, user: null };
    return this.api.state();
  }

  receive(frame) {
    if (frame.type === "error") toast(readable(frame.message ?? frame.error) ?? "Something went wrong.");
    if (frame.type === "channel" && !this.mayShow(frame.channel)) return;
    const fresh = this.store.apply(frame);
    if (fresh && fresh.channel === this.channel) this.announce(fresh);
    this.render();
  }

  mayShow(channel) {
    return this.store.channel(channel?.id) || (channel?.name && !channel.is_private) || channel?.members?.includes(this.who.user);
  }

  announce(message) {
    if (message.user === this.store.user.id && !message.ephemeral) return;
    const said = plainText(message.text, this.store.names);
    byId("announcer").replaceChildren(`${this.store.author(message).name}${isReply(message) ? " in a thread" : ""}: ${said}`);
  }

  // Drawing: at most once for everything that happens in one turn

  render() {
    if (this.pending) return;
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.draw();
    });
  }

  draw() {
    const { store } = this;
    const channel = store.channel(this.channel);
    const showing = this.view === "channel" && channel;
    document.body.dataset.ready = "true";
    if (showing) this.markRead(channel.id);
    drawSidebar(byId("sidebar"), this);
    this.banner.sync(store.banner);
    drawHead(this, channel);
    byId("channel-view").hidden = this.view !== "channel";
    byId("home-view").hidden = this.view !== "home";
    if (showing) drawChannel(this, channel);
    if (this.view === "home") drawHome(this);
    drawThread(this, showing ? channel : null);
    this.modal.sync(store.view);
    const address = new URLSearchParams({ team: this.who.team, user: this.who.user, channel: this.channel });
    history.replaceState(null, "", "?" + address);
  }

  // What the parts ask for

  readKey(channel) {
    return `${this.who.user} ${channel}`;
  }

  lastRead(channel) {
    return this.read.get(this.readKey(channel)) ?? 0;
  }

  markRead(channel) {
    this.read.set(this.readKey(channel), Math.max(this.lastRead(channel), this.store.newest(channel)));
  }

  show(channel) {
    Object.assign(this, { view: "channel", channel, thread: channel === this.channel ? this.thread : null, editing: null });
    this.drawer(false);
    this.render();
    if (matchMedia("(hover: hover)").matches) queueMicrotask(() => this.composer.focus());
  }

  async showHome() {
    this.view = "home";
    this.drawer(false);
    this.render();
    await this.attempt(async () => {
      const { home } = await this.api.openHome();
      if (home) this.store.home = home;
      this.render();
    });
  }

  switchTo(team, user) {
    const sameTeam = team === this.store.team?.id;
    this.who = { team, user };
    Object.assign(this, { thread: sameTeam ? this.thread : null, editing: null, view: "channel" });
    this.stream.connect();
  }

  openThread(ts) {
    this.thread = ts;
    this.render();
    if (ts) queueMicrotask(() => queueMicrotask(() => this.replyComposer.focus()));
    else this.composer.focus();
  }

  edit(ts) {
    this.editing = ts;
    this.render();
  }

  saveEdit(message, text) {
    this.edit(null);
    const typed = text.trim();
    if (typed) this.attempt(() => this.api.edit(message.channel, message.ts, typed));
  }

  async remove(message) {
    const body = h("blockquote", {}, mrkdwn(message.text, this.store.names));
    const sure = await ask({ title: "Delete message", body: ["This cannot be undone.", body], yes: "Delete", danger: true });
    if (sure) await this.attempt(() => this.api.remove(message.channel, message.ts));
  }

  dismiss(message) {
    this.store.dismiss(message.channel, message.ts);
    this.render();
  }

  react(message, name, remove) {
    return this.attempt(() => this.api.react(message.channel, message.ts, name, remove));
  }

  pickReaction(anchor, message) {
    openPicker(anchor, this.store.customEmoji, (name) => {
      const current = this.store.message(message.channel, message.ts) ?? message;
      const known = current.reactions?.find((reaction) => reaction.name === name);
      if (!known?.users?.includes(this.who.user)) this.react(message, name, false);
    });
  }

  /** Post, or run a command; returns a notice for the composer when there is something to say. */
  async send(text, file, threadTs) {
    const command = file ? null : text.match(/^(\/[a-z][\w-]*)(?:\s+([\s\S]*))?$/i);
    if (!command) {
      await this.api.post(this.channel, text, threadTs ?? undefined, file ?? undefined);
      return null;
    }
    const [, name, rest = ""] = command;
    if (!this.store.commands.some((known) => known.command === name)) return `${name} is not a valid command. Type / to see them.`;
    if (threadTs) return `${name} is not supported in threads. Sorry!`;
    await this.api.command(this.channel, name, rest).catch((error) => {
      if (!error.data) throw error; // what the app got wrong stands in the channel, as in Slack
    });
    return null;
  }

  messageContext(message) {
    return this.context({ channel: message.channel, ts: message.ts });
  }

  viewContext(view, extra) {
    return { ...this.context({ view_id: view.id }), ...extra };
  }

  context(where) {
    const act = (blockId, element, patch) =>
      this.attempt(() => this.api.act({ ...where, block_id: reportedId(blockId), action_id: element.action_id, ...patch }));
    const users = () => [...this.store.users.values()].filter((user) => !user.is_bot);
    const channels = () => this.store.channels.filter((channel) => !this.store.isDirect(channel));
    return { names: this.store.names, users, channels, act, imageUrl: (image) => this.imageUrl(image) };
  }

  imageUrl(image) {
    return image.slack_file?.id ? this.fileUrl(image.slack_file) : (image.image_url ?? image.slack_file?.url);
  }

  fileUrl(file) {
    return "/playground/files/" + encodeURIComponent(file.id);
  }

  async attempt(work) {
    try {
      return await work();
    } catch (error) {
      toast(error.message);
      return null;
    }
  }

  followMention(event) {
    const id = event.target.closest?.("a[data-channel]")?.dataset.channel;
    if (!id) return;
    event.preventDefault();
    if (this.store.channel(id)) this.show(id);
  }

  escape() {
    if (document.body.classList.contains("drawer-open")) this.drawer(false);
    else if (this.thread && !document.querySelector("dialog[open]") && byId("thread").contains(document.activeElement)) this.openThread(null);
  }

  drawer(open) {
    document.body.classList.toggle("drawer-open", open);
    byId("menu").setAttribute("aria-expanded", String(open));
  }
}

new Page();
