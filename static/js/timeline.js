// The timeline follows what others do: it fetches itself anew.
let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => window.htmx?.ajax("GET", location.href, { target: "#timeline", select: "#timeline", swap: "outerMorph", selectOOB: "#board-summary:outerMorph,#board-aim:outerMorph" }), 300);
}
for (const name of ["deals", "refresh", "undo:done"]) document.addEventListener(name, later);
document.addEventListener("htmx:sse:after:connection", ({ detail }) => { if (detail.connection.attempt > 0) setTimeout(later, Math.random() * 500); });
// Where all of it does not fit, today is what is looked for.
const panel = document.querySelector(".tl-panel");
if (panel && panel.scrollWidth > panel.clientWidth) panel.querySelector("circle.tl-today")?.scrollIntoView({ block: "nearest", inline: "center" });
