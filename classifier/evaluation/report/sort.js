for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const value = row => row.cells[column].textContent.trim();
    const number = text => parseFloat(text.replace(/[,%]/g, ""));
    const numeric = head.classList.contains("n");
    const rows = [...table.tBodies[0].rows].sort((a, b) => numeric
      ? number(value(a)) - number(value(b)) : value(a).localeCompare(value(b)));
    if (!up) rows.reverse();
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  }));
}
