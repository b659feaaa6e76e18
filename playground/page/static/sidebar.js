// The left bar: workspace, who the viewer acts as, channels with unread marks, the app.
import { h, icon } from "./dom.js";
import { avatar } from "./messages.js";

/** Draw the whole bar; it is small, so it is drawn anew, with the focus kept. */
export function drawSidebar(container, page) {
  const { store } = page;
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  const signature = JSON.stringify([store.team, store.teams, store.user, [...store.users.values()], entries(page), page.view]);
  if (container.dataset.signature === signature) return;
  container.dataset.signature = signature;
  const direct = entries(page).filter((entry) => entry.direct);
  container.replaceChildren(
    h("div", { class: "workspace" }, teamSwitch(page)),
    h("nav", { "aria-label": "Channels" }, [
      h("h2", {}, "Channels"),
      h("ul", {}, entries(page).filter((entry) => !entry.direct).map((entry) => channelItem(entry, page))),
      direct.length > 0 && [h("h2", {}, "Direct messages"), h("ul", {}, direct.map((entry) => channelItem(entry, page)))],
      h("h2", {}, "Apps"),
      h("ul", {}, h("li", {}, homeButton(page))),
    ].flat().filter(Boolean)),
    actingAs(page),
  );
  if (focused) container.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
}

function entries(page) {
  const { store } = page;
  return store.channels.map((channel) => ({
    id: channel.id,
    title: store.title(channel),
    direct: store.isDirect(channel),
    closed: channel.is_private,
    active: page.view === "channel" && page.channel === channel.id,
    ...store.unread(channel.id, page.lastRead(channel.id)),
  }));
}

function teamSwitch(page) {
  const { store } = page;
  return h(
    "label",
    { class: "switch" },
    h("span", { class: "team-mark", "aria-hidden": "true" }, (store.team?.name ?? "?").slice(0, 1)),
    h("span", { class: "sr-only" }, "Workspace"),
    h(
      "select",
      { "data-testid": "team-switch", onchange: (event) => page.switchTo(event.target.value, null) },
      store.teams.map((team) => h("option", { value: team.id, selected: team.id === store.team?.id }, team.name)),
    ),
  );
}

function channelItem(entry, page) {
  const marks = ["nav-item", entry.active && "active", entry.count > 0 && "unread"].filter(Boolean).join(" ");
  const label = entry.count ? `${entry.title}, ${entry.count} unread` : entry.title;
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: marks,
        "data-testid": "channel-" + entry.title,
        "aria-label": label,
        "aria-current": entry.active ? "page" : null,
        onclick: () => page.show(entry.id),
      },
      h("span", { class: "hash", "aria-hidden": "true" }, entry.direct ? "@" : entry.closed ? "◆" : "#"),
      h("span", { class: "nav-name" }, entry.title),
      entry.count > 0 && h("span", { class: entry.named ? "count named" : "count", "data-testid": "unread-" + entry.title }, entry.count),
    ),
  );
}

function homeButton(page) {
  const active = page.view === "home";
  return h(
    "button",
    {
      type: "button",
      class: active ? "nav-item active" : "nav-item",
      "data-testid": "home",
      "aria-current": active ? "page" : null,
      onclick: () => page.showHome(),
    },
    avatar({ isOurs: true }, "tiny"),
    h("span", { class: "nav-name" }, page.store.app.name ?? "App"),
    icon("home"),
  );
}

/** The words that say what a person may do here; the app decides on them. */
export function roleOf(user) {
  if (user.is_owner) return "owner";
  if (user.is_admin) return "admin";
  if (user.is_stranger) return "other organisation";
  return user.is_restricted ? "guest" : "member";
}

function optionText(user) {
  const role = roleOf(user);
  return role === "member" ? user.real_name || user.name : `${user.real_name || user.name} · ${role}`;
}

function actingAs(page) {
  const { store } = page;
  const people = [...store.users.values()].filter((user) => !user.is_bot);
  const { user } = store;
  return h(
    "label",
    { class: "acting" },
    avatar({ name: user.real_name || user.name, color: user.color }),
    h(
      "span",
      { class: "acting-text" },
      h("span", { class: "acting-label" }, "Acting as", h("span", { class: "badge role-" + roleOf(user).split(" ")[0] }, roleOf(user))),
      h(
        "select",
        { "data-testid": "user-switch", "aria-label": "Acting as", onchange: (event) => page.switchTo(store.team.id, event.target.value) },
        people.map((each) =>
          h("option", { value: each.id, selected: each.id === user.id }, optionText(each)),
        ),
      ),
    ),
  );
}
