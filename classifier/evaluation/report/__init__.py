"""One evaluation as a page, as Markdown, as JSON and as pictures, all in one folder."""
