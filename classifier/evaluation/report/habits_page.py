"""A model's habits as one HTML page: for each category the words that most often decide."""

from __future__ import annotations

from html import escape

from classifier.evaluation.report import explanation_words as behind
from classifier.evaluation.report.html import SORT, document, grid, paragraph
from classifier.explanation.types import CategoryHabits, Habits

_SHOWN = 8
_SEARCH = """
const field = document.getElementById("search");
field.addEventListener("input", () => {
  const wanted = field.value.trim().toLowerCase();
  let shown = 0;
  for (const card of document.querySelectorAll("article.habit")) {
    card.hidden = !card.textContent.toLowerCase().includes(wanted);
    shown += card.hidden ? 0 : 1;
  }
  document.getElementById("shown").textContent = shown + " shown";
});
"""


def habits_page(found: Habits) -> str:
    """The whole page; it holds single words, and no message."""
    cards = "".join(map(_card, found.categories))
    suspicious = behind.suspicious(found)
    sections = [
        ("look", "Look at these first", paragraph(behind.SUSPICIOUS) + grid(suspicious, kind="sortable"))
        if suspicious.rows
        else ("look", "Look at these first", paragraph("No number, name or uncommon word leads anywhere.")),
        (
            "categories",
            "Category by category",
            paragraph(behind.HABITS) + '<p><label for="search">Only categories or words with</label> '
            '<input id="search" type="search"> '
            f'<span id="shown" role="status">{len(found.categories)} shown</span></p>\n'
            + f'<div class="habits">{cards}</div>\n',
        ),
        ("words", "Every word", grid(behind.habits(found), kind="sortable")),
    ]
    return document(
        f"Habits of {found.model_version}",
        f"{found.messages:,} messages taken apart, word by word",
        sections,
        "Made by fingerpost habits. This page loads nothing and sends nothing. It holds single words of "
        "messages: show it to those who may read them.",
        script=SORT + _SEARCH,
    )


def _card(category: CategoryHabits) -> str:
    most = max((word.leads for word in category.words), default=0)
    lines = "".join(
        f'<li><span class="word">{escape(word.word)}</span>'
        f'<span class="bar" style="width:{100 * word.leads / max(most, 1):.0f}px"></span>'
        f"<span>loudest in {word.leads:,} of {word.messages:,}"
        + (f", decides alone in {word.decides:,}" if word.decides else "")
        + (f" <b>{escape(word.remark)}</b>" if word.remark else "")
        + "</span></li>"
        for word in category.words[:_SHOWN]
    )
    return (
        f'<article class="habit"><h3>{escape(category.category)}</h3>'
        f"<p>{category.messages:,} messages</p><ol>{lines}</ol></article>\n"
    )
