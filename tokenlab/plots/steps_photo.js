// A map of patches over the photo that they are patches of.
const SEEN = 0.38; // how much of the grey photo shows through the colours
const FADED = 0.85; // how much of a dropped patch is covered

/** The photo in grey under colours; for a mask in its own colours, where the mask is true. */
function paintPhoto(context, at, step, data, colours) {
  const [width, height] = [at.w * at.m, at.h * at.n];
  const mask = step.kind === "mask";
  context.filter = mask ? "none" : "grayscale(1)";
  context.drawImage(PHOTO, at.left, at.top, width, height);
  context.filter = "none";
  if (!mask) {
    context.globalAlpha = 1 - SEEN;
    paintCells(context, at, data, colourScale(step, colours));
    context.fillStyle = hatch(context, colours);
  } else {
    context.globalAlpha = FADED;
    context.fillStyle = colours.panel;
  }
  const bare = (v) => (mask ? !v : !Number.isFinite(toNumber(v)));
  data.forEach((row, r) =>
    row.forEach((v, c) => {
      if (bare(v)) context.fillRect(at.left + c * at.w, at.top + r * at.h, at.w, at.h);
    }),
  );
  context.globalAlpha = 1;
  if (mask) outline(context, at, data, colours);
}

/** A line around the patches that are true. */
function outline(context, at, data, colours) {
  const path = new Path2D();
  const line = (r, c, dr, dc) => {
    path.moveTo(at.left + c * at.w, at.top + r * at.h);
    path.lineTo(at.left + (c + dc) * at.w, at.top + (r + dr) * at.h);
  };
  const on = (r, c) => Boolean(data[r]?.[c]);
  for (let r = 0; r <= at.n; r++)
    for (let c = 0; c <= at.m; c++) {
      if (on(r, c) !== on(r - 1, c)) line(r, c, 0, 1);
      if (on(r, c) !== on(r, c - 1)) line(r, c, 1, 0);
    }
  context.strokeStyle = colours.accent;
  context.lineWidth = 2;
  context.stroke(path);
}

/** Draw into the plot; returns the layout, as `drawCanvas` does. */
function drawPhoto(plot, step, data, read, { height = 400 } = {}) {
  const colours = palette(plot);
  const [n, m] = [data.length, data[0].length];
  // Whole pixels: between fractions of them seams would show.
  const room = Math.floor(Math.min((plot.clientWidth - 6) / m, (height - 6) / n));
  const side = Math.max(4, Math.min(44, room));
  const at = { left: 3, top: 3, w: side, h: side, n, m, width: 6 + side * m, height: 6 + side * n };
  const canvas = make("canvas");
  const sharp = Math.max(1, devicePixelRatio || 1);
  Object.assign(canvas, { width: at.width * sharp, height: at.height * sharp });
  canvas.style.cssText = `width:${at.width}px;height:${at.height}px`;
  const context = canvas.getContext("2d");
  context.scale(sharp, sharp);
  const paint = () => paintPhoto(context, at, step, data, colours);
  if (PHOTO.complete) paint();
  else PHOTO.addEventListener("load", paint, { once: true });
  const mark = make("div", { className: "mark", hidden: true });
  plot.append(canvas, mark);
  followCells(plot, mark, at, read);
  return at;
}
