"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const bytes = Uint8Array.from(atob(data.weights), letter => letter.charCodeAt(0));
const [layers, heads, size] = data.shape;
const element = id => document.getElementById(id);
const layer = element("layer"), head = element("head"), hide = element("hide"), said = element("said");
const from = element("from"), to = element("to"), lines = element("lines");
let chosen = null;

function option(select, value, label) {
  const item = document.createElement("option");
  item.value = value;
  item.textContent = label;
  select.append(item);
}
for (let number = 0; number < layers; number++) option(layer, number, String(number + 1));
option(head, "mean", "mean of all");
for (let number = 0; number < heads; number++) option(head, number, String(number + 1));
layer.value = layers - 1;

function weight(row, column) {
  const at = number => bytes[((Number(layer.value) * heads + number) * size + row) * size + column] / 255;
  if (head.value !== "mean") return at(Number(head.value));
  let total = 0;
  for (let number = 0; number < heads; number++) total += at(number);
  return total / heads;
}

function list(parent, focusable) {
  data.words.forEach((word, number) => {
    const item = document.createElement("li");
    item.textContent = word;
    item.dataset.number = number;
    if (data.special[number]) item.classList.add("special");
    if (focusable) {
      item.tabIndex = 0;
      item.addEventListener("mouseenter", () => choose(number));
      item.addEventListener("focus", () => choose(number));
    }
    parent.append(item);
  });
}
list(from, true);
list(to, false);

function shown(number) {
  return !(hide.checked && data.special[number]);
}

function choose(number) {
  chosen = number;
  draw();
  const targets = data.words.map((word, column) => [word, weight(number, column), column])
    .filter(([, , column]) => shown(column))
    .sort((a, b) => b[1] - a[1]).slice(0, 5)
    .map(([word, share]) => `${word} ${Math.round(100 * share)}%`);
  said.textContent = `${data.words[number]} attends to: ${targets.join(", ")}.`;
}

function draw() {
  for (const parent of [from, to])
    for (const item of parent.children) {
      item.hidden = !shown(Number(item.dataset.number));
      item.classList.toggle("marked", parent === from && Number(item.dataset.number) === chosen);
    }
  const box = lines.getBoundingClientRect();
  lines.replaceChildren();
  const middle = item => item.getBoundingClientRect().top + item.offsetHeight / 2 - box.top;
  const left = from.getBoundingClientRect().right - box.left, right = to.getBoundingClientRect().left - box.left;
  for (const start of from.children)
    for (const end of to.children) {
      const row = Number(start.dataset.number), column = Number(end.dataset.number);
      const share = weight(row, column);
      if (start.hidden || end.hidden || (chosen !== null && row !== chosen) || share < 0.02) continue;
      const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
      line.setAttribute("x1", left);
      line.setAttribute("y1", middle(start));
      line.setAttribute("x2", right);
      line.setAttribute("y2", middle(end));
      line.setAttribute("opacity", Math.min(1, share * 1.5).toFixed(2));
      lines.append(line);
    }
}

for (const control of [layer, head, hide]) {
  control.addEventListener("change", () => {
    if (chosen !== null && !shown(chosen)) chosen = null;
    draw();
    if (chosen !== null) choose(chosen);
  });
}
from.addEventListener("mouseleave", () => { chosen = null; draw(); });
addEventListener("resize", draw);
draw();
