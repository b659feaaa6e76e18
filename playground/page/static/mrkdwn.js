// Slack's mrkdwn to nodes. The input is escaped as Slack escapes it: &amp; &lt; &gt; and <...> for links and mentions.
import { h, safeUrl } from "./dom.js";
import { glyphOf } from "./emoji.js";

const INLINE = /`([^`\n]+)`|<([^<>\n]+)>|:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):|(https?:\/\/[^\s<>|]+)|([*_~])/g;
const STYLES = { "*": "strong", _: "em", "~": "s" };

export function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** Render a mrkdwn text. `names` has user(id), channel(id) and self (the viewer's id). */
export function mrkdwn(text, names) {
  const out = [];
  const parts = String(text ?? "").split(/```\n?/);
  if (parts.length % 2 === 0) parts.push(parts.splice(-2).join("```")); // a fence that nobody closed
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) out.push(h("pre", {}, h("code", {}, unescape(flattenLinks(part).replace(/\n$/, "")))));
    else if (part) out.push(...quotesAndLines(index ? part.replace(/^\n/, "") : part, names));
  }
  return out;
}

function flattenLinks(text) {
  return text.replace(/<([^<>|\n]+)(?:\|([^<>\n]*))?>/g, (_, address, label) => label || address);
}

function quotesAndLines(text, names) {
  const out = [];
  let quote = [];
  let plain = [];
  const flush = () => {
    if (quote.length) out.push(h("blockquote", {}, inline(quote.join("\n"), names)));
    if (plain.length) out.push(...inline(plain.join("\n"), names));
    quote = [];
    plain = [];
  };
  let rest = false;
  for (const line of text.split("\n")) {
    const found = rest ? [line, line] : line.match(/^(?:&gt;|>) ?(.*)$/);
    if (found) {
      if (plain.length) flush();
      if (!rest && /^(?:&gt;){3}/.test(line)) rest = true;
      quote.push(rest && !quote.length ? line.replace(/^(?:&gt;){3} ?/, "") : found[1]);
    } else {
      if (quote.length) flush();
      plain.push(line);
    }
  }
  flush();
  return out;
}

/** Render one run of inline mrkdwn (no blocks in it). */
export function inline(text, names) {
  const out = [];
  let at = 0;
  let found;
  const scan = new RegExp(INLINE);
  const literal = (end) => end > at && out.push(...lines(unescape(text.slice(at, end))));
  while ((found = scan.exec(text))) {
    const [whole, code, angle, emoji, url, style] = found;
    let node = null;
    let end = found.index + whole.length;
    if (code !== undefined) node = h("code", {}, unescape(flattenLinks(code)));
    else if (angle !== undefined) node = reference(angle, names);
    else if (emoji !== undefined) node = emojiNode(emoji);
    else if (url !== undefined) node = link(unescape(url), unescape(url));
    else {
      const closing = closingMark(text, found.index, style);
      if (closing > 0) {
        node = h(STYLES[style], {}, inline(text.slice(found.index + 1, closing), names));
        end = closing + 1;
      }
    }
    if (node === null) {
      if (emoji !== undefined) scan.lastIndex = found.index + 1; // the colon may begin a later name
      continue;
    }
    literal(found.index);
    out.push(node);
    at = end;
    scan.lastIndex = end;
  }
  literal(text.length);
  return out;
}

/** Find where a bold, italic or struck run ends: marks stand at the edges of words, within one line. */
function closingMark(text, open, mark) {
  if (open > 0 && /[\p{L}\p{N}]/u.test(text[open - 1])) return -1;
  if (/\s/.test(text[open + 1] ?? " ")) return -1;
  for (let at = open + 1; at < text.length && text[at] !== "\n"; at += 1) {
    if (text[at] === "`") {
      const end = text.indexOf("`", at + 1);
      if (end < 0) continue;
      at = end;
    } else if (text[at] === "<") {
      const end = text.indexOf(">", at + 1);
      if (end > 0) at = end;
    } else if (text[at] === mark && at > open + 1 && !/\s/.test(text[at - 1])) {
      if (!/[\p{L}\p{N}]/u.test(text[at + 1] ?? " ")) return at;
    }
  }
  return -1;
}

function lines(text) {
  return text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

export function emojiNode(name) {
  const glyph = glyphOf(name);
  return glyph && h("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` }, glyph);
}

function link(address, label) {
  const href = safeUrl(address);
  return href ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, label) : label;
}

function reference(inside, names) {
  const [target, label = ""] = inside.split(/\|(.*)/s);
  if (/^@[A-Z0-9]+$/.test(target)) return userMention(target.slice(1), names, label);
  if (/^#[A-Z0-9]+$/.test(target)) return channelMention(target.slice(1), names, label);
  if (target.startsWith("!subteam^")) return h("span", { class: "mention" }, unescape(label || "@group"));
  if (target.startsWith("!date^")) return unescape(label || "");
  if (/^!(here|channel|everyone)$/.test(target)) return h("span", { class: "mention mention-me" }, "@" + target.slice(1));
  if (target.startsWith("!")) return unescape(label || target);
  return link(unescape(target), unescape(label || target.replace(/^(mailto|tel):/, "")));
}

export function userMention(id, names, label = "") {
  const name = names.user(id) || unescape(label) || id;
  return h("span", { class: id === names.self ? "mention mention-me" : "mention", "data-user": id }, "@" + name);
}

export function channelMention(id, names, label = "") {
  const name = names.channel(id) || unescape(label);
  if (!name) return h("span", { class: "mention" }, "#private channel");
  return h("a", { class: "mention", href: "#" + id, "data-channel": id }, "#" + name);
}

/** Return what a screen reader or a notification should say of a mrkdwn text. */
export function plainText(text, names) {
  const box = h("div", {}, mrkdwn(text, names));
  return box.textContent.replace(/\s+/g, " ").trim();
}
