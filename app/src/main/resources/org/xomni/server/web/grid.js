// Shows image tokens as they are drawn: one calm tile for each, its colour from its number in the codebook.

const HUES = 0.618034;

export class TokenGrid {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** Begins anew. */
  start(columns, rows) {
    this.columns = columns;
    this.cell = Math.max(4, Math.floor(960 / Math.max(columns, rows)));
    this.canvas.width = columns * this.cell;
    this.canvas.height = rows * this.cell;
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const style = getComputedStyle(document.documentElement);
    this.dark = document.documentElement.dataset.theme === "dark";
    this.context.fillStyle = style.getPropertyValue("--line");
    for (let i = 0; i < columns * rows; i++) this.tile(i, 0.42);
  }

  /** The i-th token, from 0, is known. */
  fill(i, token) {
    const hue = Math.floor(((token * HUES) % 1) * 360);
    const light = (this.dark ? 42 : 58) + ((token * 7) % 5) * 4;
    this.context.fillStyle = `hsl(${hue} 32% ${light}%)`;
    this.clear(i);
    this.tile(i, 0.92);
  }

  clear(i) {
    const { x, y } = this.place(i);
    this.context.clearRect(x, y, this.cell, this.cell);
  }

  place(i) {
    return { x: (i % this.columns) * this.cell, y: Math.floor(i / this.columns) * this.cell };
  }

  tile(i, share) {
    const { x, y } = this.place(i);
    const side = this.cell * share;
    const margin = (this.cell - side) / 2;
    this.context.beginPath();
    this.context.roundRect(x + margin, y + margin, side, side, side * 0.18);
    this.context.fill();
  }
}
