// Emoji names to glyphs, and the search behind the picker and the ":" completion.
import { EMOJI_GROUPS } from "./emoji-data.js";

const SKIN_TONES = { 2: "🏻", 3: "🏼", 4: "🏽", 5: "🏾", 6: "🏿" };
const glyphs = new Map();

/** Groups for the picker: [{title, entries: [{name, aliases, glyph}]}]. */
export const groups = EMOJI_GROUPS.map(([title, joined]) => ({
  title,
  entries: joined.split("|").map((entry) => {
    const [names, glyph] = entry.split(" ");
    const [name, ...aliases] = names.split(",");
    for (const each of [name, ...aliases]) glyphs.set(each, glyph);
    return { name, aliases, glyph };
  }),
}));

/** Return the glyph of a name without colons (a skin tone may follow), or null for a custom emoji. */
export function glyphOf(name) {
  const [base, tone] = name.split("::");
  const glyph = glyphs.get(base);
  if (!glyph) return null;
  const level = tone?.match(/^skin-tone-([2-6])$/)?.[1];
  return level ? glyph.replace(/\uFE0F$/, "") + SKIN_TONES[level] : glyph;
}

/** Find emoji by a part of a name; names that begin with it come first. */
export function searchEmoji(query, custom = [], limit = 60) {
  const wanted = query.toLowerCase().replaceAll(":", "").trim().replaceAll(" ", "_");
  const pool = groups.flatMap((group) => group.entries);
  pool.push(...custom.filter((name) => !glyphs.has(name)).map((name) => ({ name, aliases: [], glyph: null })));
  const rank = (entry) => {
    const names = [entry.name, ...entry.aliases];
    if (names.includes(wanted)) return 0;
    if (names.some((name) => name.startsWith(wanted))) return 1;
    if (names.some((name) => name.includes("_" + wanted))) return 2;
    return names.some((name) => name.includes(wanted)) ? 3 : 9;
  };
  return pool
    .map((entry, index) => ({ entry, index, rank: rank(entry) }))
    .filter((found) => found.rank < 9)
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .slice(0, limit)
    .map((found) => found.entry);
}

/** Replace :names: in plain text by glyphs; unknown names stay as they are. */
export function emojify(text) {
  return text.replace(/:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/g, (whole, name) => glyphOf(name) ?? whole);
}
