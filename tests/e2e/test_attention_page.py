"""The attention page in a real browser, from a file and without a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.async_api import Page, expect

from classifier.explanation.attention_maps import AttentionMaps
from classifier.explanation.attention_page import page as attention_page

WORDS = ("[CLS]", "lost", "<b>card</b>", "[SEP]")


def maps() -> AttentionMaps:
    weights = np.full((2, 3, 4, 4), 0.1, np.float32)
    weights[1, 2, 1] = (0.0, 0.05, 0.9, 0.05)
    weights[0, 0, 1] = (0.7, 0.1, 0.1, 0.1)
    return AttentionMaps(WORDS, (True, False, False, True), weights, "card_lost", 0.93, cut=False)


async def test_words_are_pointed_at_heads_chosen_and_special_tokens_hidden(page: Page, tmp_path: Path):
    path = tmp_path / "maps.html"
    path.write_text(attention_page(maps()), encoding="utf-8")
    await page.goto(path.as_uri())
    words = page.locator("#from li")
    await expect(words).to_have_text(list(WORDS))  # a tag in a word stays text
    await page.select_option("#head", index=3)
    await words.nth(1).hover()
    said = page.locator("#said")
    await expect(said).to_contain_text("lost attends to: <b>card</b> 90%")
    await expect(page.locator("#lines line")).to_have_count(3)
    await page.select_option("#layer", index=0)
    await page.select_option("#head", index=1)
    await words.nth(1).focus()
    await expect(said).to_contain_text("lost attends to: [CLS] 70%")
    await page.check("#hide")
    await expect(words.nth(0)).to_be_hidden()
    await words.nth(2).focus()
    await expect(said).not_to_contain_text("[CLS]")
