// Calls to the playground's server. Every failure becomes an Error that says what went wrong.

const READABLE = {
  operation_timeout: "The app did not answer within 3 seconds (operation_timeout).",
  dispatch_failed: "The app could not be reached (dispatch_failed).",
  app_unreachable: "The app is not connected (app_unreachable).",
  not_in_channel: "That person is not in this channel.",
};

/** Say an error code in words where we have them. */
export function readable(code) {
  return READABLE[code] ?? code;
}

export class Api {
  /** `who()` returns {team, user}: they go with every call. */
  constructor(who) {
    this.who = who;
  }

  async request(method, path, body) {
    const { team, user } = this.who();
    const answer = await fetch("/playground/" + path, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ team, user, ...body }),
    }).catch(() => {
      throw new Error("The playground does not answer. Is it still running?");
    });
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok || data.ok === false) {
      const error = new Error(readable(data.message ?? data.error) ?? `The playground answered ${answer.status}.`);
      error.data = data;
      throw error;
    }
    return data;
  }

  async state() {
    const { team, user } = this.who();
    const query = new URLSearchParams(Object.entries({ team, user }).filter(([, value]) => value));
    const answer = await fetch("/playground/state?" + query);
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok || !data.team) {
      const error = new Error(data.error ?? `The playground answered ${answer.status}.`);
      throw Object.assign(error, { status: answer.status });
    }
    return data;
  }

  post(channel, text, threadTs, file) {
    return this.request("POST", "messages", { channel, text, thread_ts: threadTs, file });
  }

  edit(channel, ts, text) {
    return this.request("PATCH", "messages", { channel, ts, text });
  }

  remove(channel, ts) {
    return this.request("DELETE", "messages", { channel, ts });
  }

  react(channel, ts, name, remove) {
    return this.request("POST", "reactions", { channel, ts, name, remove });
  }

  command(channel, command, text) {
    return this.request("POST", "commands", { channel, command, text });
  }

  act(action) {
    return this.request("POST", "actions", action);
  }

  submitView(viewId, values) {
    return this.request("POST", "views/submit", { view_id: viewId, values });
  }

  closeView(viewId) {
    return this.request("POST", "views/close", { view_id: viewId });
  }

  openHome() {
    return this.request("POST", "home", {});
  }
}
