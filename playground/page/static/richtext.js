// rich_text blocks and the Markdown of "markdown" blocks, to nodes.
import { h, safeUrl } from "./dom.js";
import { channelMention, emojiNode, userMention } from "./mrkdwn.js";

/** Render a rich_text block's elements. */
export function richText(elements, names) {
  return (elements ?? []).map((element) => {
    const inner = () => (element.elements ?? []).map((leaf) => richLeaf(leaf, names));
    switch (element.type) {
      case "rich_text_section":
        return h("div", { class: "rich-section" }, inner());
      case "rich_text_quote":
        return h("blockquote", {}, inner());
      case "rich_text_preformatted":
        return h("pre", {}, h("code", {}, inner()));
      case "rich_text_list": {
        const items = (element.elements ?? []).map((item) => h("li", {}, richText([item], names)));
        return h(element.style === "ordered" ? "ol" : "ul", { class: `indent-${Math.min(element.indent ?? 0, 4)}` }, items);
      }
      default:
        return null;
    }
  });
}

function richLeaf(leaf, names) {
  let node;
  switch (leaf.type) {
    case "text":
      node = textLines(leaf.text ?? "");
      break;
    case "emoji":
      node = emojiNode(leaf.name) ?? `:${leaf.name}:`;
      break;
    case "link":
      node = anchor(leaf.url, leaf.text || leaf.url);
      break;
    case "user":
      node = userMention(leaf.user_id, names);
      break;
    case "channel":
      node = channelMention(leaf.channel_id, names);
      break;
    case "broadcast":
      node = h("span", { class: "mention mention-me" }, "@" + leaf.range);
      break;
    default:
      node = leaf.text ?? leaf.fallback ?? "";
  }
  const styles = { code: "code", strike: "s", italic: "em", bold: "strong" };
  for (const [style, tag] of Object.entries(styles)) if (leaf.style?.[style]) node = h(tag, {}, node);
  return node;
}

function textLines(text) {
  return text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

function anchor(address, label) {
  const href = safeUrl(address ?? "");
  return href ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, label) : label;
}

/** Render the everyday part of Markdown: headings, lists, quotes, fences, rules, tables as text, inline styles. */
export function markdown(text) {
  const out = [];
  const rows = String(text ?? "").split("\n");
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) out.push(h("p", {}, textRows(paragraph)));
    paragraph = [];
  };
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at];
    const take = (pattern) => {
      const taken = [];
      while (at < rows.length && pattern.test(rows[at])) taken.push(rows[at++].replace(pattern, ""));
      at -= 1;
      return taken;
    };
    const heading = row.match(/^(#{1,6}) +(.*)$/);
    if (/^```/.test(row)) {
      flush();
      const end = rows.findIndex((other, index) => index > at && /^```/.test(other));
      const stop = end < 0 ? rows.length : end;
      out.push(h("pre", {}, h("code", {}, rows.slice(at + 1, stop).join("\n"))));
      at = stop;
    } else if (heading) {
      flush();
      out.push(h("h" + Math.min(6, heading[1].length + 2), {}, inline(heading[2])));
    } else if (/^ {0,3}(-{3,}|\*{3,})\s*$/.test(row)) {
      flush();
      out.push(h("hr"));
    } else if (/^\s*[-*+] +/.test(row)) {
      flush();
      out.push(h("ul", {}, take(/^\s*[-*+] +/).map((item) => h("li", {}, inline(item)))));
    } else if (/^\s*\d+[.)] +/.test(row)) {
      flush();
      out.push(h("ol", {}, take(/^\s*\d+[.)] +/).map((item) => h("li", {}, inline(item)))));
    } else if (/^> ?/.test(row)) {
      flush();
      out.push(h("blockquote", {}, textRows(take(/^> ?/))));
    } else if (row.trim() === "") flush();
    else paragraph.push(row);
  }
  flush();
  return out;
}

function textRows(rows) {
  return rows.flatMap((row, index) => (index ? [h("br"), ...inline(row)] : inline(row)));
}

const MARKS =
  /`([^`]+)`|\[([^\]]+)\]\(([^()\s]+)\)|\*\*([^*]+)\*\*|__([^_]+)__|~~([^~]+)~~|\*([^*\s][^*]*)\*|\b_([^_]+)_\b|:([a-z0-9_+-]+):|(https?:\/\/[^\s<>)]+)/g;

function inline(text) {
  const out = [];
  let at = 0;
  for (const found of text.matchAll(MARKS)) {
    const [whole, code, label, address, bold, bold2, struck, italic, italic2, emoji, url] = found;
    out.push(text.slice(at, found.index));
    at = found.index + whole.length;
    if (code) out.push(h("code", {}, code));
    else if (address) out.push(anchor(address, label));
    else if (bold || bold2) out.push(h("strong", {}, inline(bold ?? bold2)));
    else if (struck) out.push(h("s", {}, inline(struck)));
    else if (italic || italic2) out.push(h("em", {}, inline(italic ?? italic2)));
    else if (emoji) out.push(emojiNode(emoji) ?? whole);
    else out.push(anchor(url, url));
  }
  out.push(text.slice(at));
  return out;
}
