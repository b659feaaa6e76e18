// What the page knows: the state as the server sent it, kept up to date by frames. No DOM in here.

const GROUP_SECONDS = 300;

export class Store {
  constructor() {
    this.loaded = false;
    this.reset();
  }

  reset() {
    Object.assign(this, { team: null, teams: [], user: null, users: new Map(), channels: [], commands: [] });
    Object.assign(this, { app: {}, customEmoji: [], messages: new Map(), home: null, view: null, banner: null });
  }

  /** Take over the answer of GET /playground/state. */
  load(state) {
    this.loaded = true;
    this.team = state.team;
    this.teams = state.teams ?? [state.team];
    this.user = state.user;
    this.users = new Map((state.users ?? []).map((user) => [user.id, user]));
    this.channels = state.channels ?? [];
    this.commands = state.commands ?? [];
    this.app = state.app ?? {};
    this.customEmoji = state.emoji ?? [];
    this.messages = new Map();
    for (const [channel, messages] of Object.entries(state.messages ?? {})) {
      this.messages.set(channel, new Map(messages.map((message) => [message.ts, message])));
    }
    this.home = state.home ?? null;
    this.view = state.view ?? null;
    this.banner = state.banner ?? null;
  }

  /** Apply one frame; returns the message when it is a new one, so that it can be announced. */
  apply(frame) {
    const place = frame.channel && typeof frame.channel === "string" ? this.#place(frame.channel) : null;
    const ts = frame.ts ?? frame.message?.ts ?? frame.deleted_ts;
    switch (frame.type) {
      case "message":
      case "ephemeral": {
        const isNew = !place.has(ts);
        const flag = frame.type === "ephemeral" ? { ephemeral: true } : {};
        place.set(ts, { channel: frame.channel, ...frame.message, ...flag });
        return isNew ? place.get(ts) : null;
      }
      case "message_changed":
        if (frame.message) place.set(ts, { ...frame.message, channel: frame.channel });
        return null;
      case "message_deleted":
        place.delete(ts);
        return null;
      case "reactions": {
        const known = place.get(ts);
        const reactions = frame.reactions ?? frame.message?.reactions ?? [];
        if (known) place.set(ts, { ...known, reactions });
        return null;
      }
      case "home":
        this.home = frame.view ?? frame.home ?? null;
        return null;
      case "view":
        this.view = frame.view ?? null;
        return null;
      case "view_closed":
        this.view = frame.view ?? null;
        return null;
      case "banner":
        this.banner = frame.banner ?? null;
        return null;
      case "channel":
        this.#upsertChannel(frame.channel);
        return null;
      default:
        return null;
    }
  }

  /** Forget a message that only this page shows (a dismissed "Only visible to you"). */
  dismiss(channel, ts) {
    this.#place(channel).delete(ts);
  }

  #place(channel) {
    if (!this.messages.has(channel)) this.messages.set(channel, new Map());
    return this.messages.get(channel);
  }

  #upsertChannel(channel) {
    const at = this.channels.findIndex((known) => known.id === channel?.id);
    if (!channel?.id) return;
    if (at >= 0) this.channels[at] = { ...this.channels[at], ...channel };
    else this.channels.push(channel);
  }

  get names() {
    return {
      user: (id) => this.users.get(id)?.real_name || this.users.get(id)?.name,
      handle: (id) => this.users.get(id)?.name,
      channel: (id) => this.channels.find((channel) => channel.id === id)?.name,
      self: this.user?.id,
    };
  }

  channel(id) {
    return this.channels.find((channel) => channel.id === id);
  }

  /** What a channel is called in the list: its name, or the other person of a direct conversation. */
  title(channel) {
    if (channel.name) return channel.name;
    const other = (channel.members ?? []).find((member) => member !== this.user?.id);
    return this.names.user(other) ?? "Direct message";
  }

  isDirect(channel) {
    return Boolean(channel.is_im || !channel.name);
  }

  all(channel) {
    return [...(this.messages.get(channel)?.values() ?? [])].sort((a, b) => parseFloat(a.ts) - parseFloat(b.ts));
  }

  /** Messages of the channel view: no thread replies, unless they were sent to the channel too. */
  roots(channel) {
    return this.all(channel).filter((m) => !isReply(m) || m.subtype === "thread_broadcast");
  }

  replies(channel, ts) {
    return this.all(channel).filter((message) => isReply(message) && message.thread_ts === ts);
  }

  message(channel, ts) {
    return this.messages.get(channel)?.get(ts);
  }

  newest(channel) {
    return this.roots(channel).reduce((latest, message) => Math.max(latest, parseFloat(message.ts)), 0);
  }

  /** How many messages of others are newer than `since`, and whether one of them names the viewer. */
  unread(channel, since) {
    const fresh = this.roots(channel).filter((m) => parseFloat(m.ts) > since && m.user !== this.user?.id);
    const named = fresh.some((m) => new RegExp(`<@${this.user?.id}\\b|<!(here|channel|everyone)`).test(m.text ?? ""));
    return { count: fresh.length, named };
  }

  /** Who wrote a message: {id, name, isApp, isOurs, color}. */
  author(message) {
    const user = this.users.get(message.user);
    const isOurs = Boolean(this.app.bot_user_id) && message.user === this.app.bot_user_id;
    const name =
      message.username || user?.real_name || user?.name || message.bot_profile?.name || message.bot_id || message.user;
    const isApp = Boolean(isOurs || message.bot_id || user?.is_bot);
    return { id: message.user ?? message.bot_id, name: name || "Slackbot", isApp, isOurs, color: user?.color };
  }
}

export function isReply(message) {
  return Boolean(message.thread_ts) && message.thread_ts !== message.ts;
}

/** Whether a message goes under the name and avatar of the one before it. */
export function continues(message, previous) {
  if (!previous || previous.subtype === "channel_join" || message.subtype === "channel_join") return false;
  const who = (each) => `${each.user ?? ""}/${each.bot_id ?? ""}/${each.username ?? ""}/${Boolean(each.ephemeral)}`;
  return who(message) === who(previous) && parseFloat(message.ts) - parseFloat(previous.ts) < GROUP_SECONDS;
}
