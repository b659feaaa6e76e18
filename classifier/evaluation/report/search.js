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
