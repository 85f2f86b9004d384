// A won deal, for a second and a half. Who asked their system for less motion sees none; settings turn it off for good.
const COLOURS = ["green", "teal", "indigo", "yellow", "orange", "pink"];
const PIECES = 120;
const LASTS = 1600;

/** On a page that was just told of a win: once for each deal. */
export function upgrade(root = document) {
  const won = root.querySelector("[data-celebrate]")?.dataset.celebrate;
  if (!won || sessionStorage.getItem("celebrated") === won) return;
  sessionStorage.setItem("celebrated", won);
  celebrate();
}

export function celebrate() {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const canvas = document.createElement("canvas");
  canvas.className = "confetti";
  canvas.setAttribute("aria-hidden", "true");
  canvas.width = innerWidth;
  canvas.height = innerHeight;
  document.body.append(canvas);
  const context = canvas.getContext("2d");
  const colours = COLOURS.map(colour);
  const pieces = Array.from({ length: PIECES }, (_, i) => ({
    x: canvas.width / 2, y: canvas.height * 0.45, turn: Math.random() * 6, colour: colours[i % colours.length],
    vx: (Math.random() - 0.5) * 900, vy: -Math.random() * 800 - 150, size: 5 + Math.random() * 6,
  }));
  const begun = performance.now();
  let before = begun;
  const frame = (now) => {
    const step = Math.min(0.05, (now - before) / 1000);
    before = now;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.globalAlpha = Math.max(0, 1 - ((now - begun) / LASTS) ** 3);
    for (const piece of pieces) {
      piece.vy += 1400 * step;
      piece.x += piece.vx * step;
      piece.y += piece.vy * step;
      piece.turn += step * 8;
      context.save();
      context.translate(piece.x, piece.y);
      context.rotate(piece.turn);
      context.fillStyle = piece.colour;
      context.fillRect(-piece.size / 2, -piece.size / 3, piece.size, piece.size / 1.6);
      context.restore();
    }
    if (now - begun < LASTS) requestAnimationFrame(frame); else canvas.remove();
  };
  requestAnimationFrame(frame);
}

function colour(name) {
  const probe = document.createElement("span");
  probe.className = `vh c-${name} confetti-colour`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
