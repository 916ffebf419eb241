// Pixels: the picture that the decoder draws, the images of the dots, and the numbers as bars.
const element = (tag, attributes = {}, ...children) => {
  const created = Object.assign(document.createElement(tag), attributes);
  created.append(...children);
  return created;
};
const byId = (id) => document.getElementById(id);
const cssValue = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const HUES = ["#3b82f6", "#f97316", "#22a55b", "#e5484d", "#8b5cf6", "#a1662f", "#ec4899", "#708090", "#b7a10b", "#06a8c2"];
const hueOf = (label) => {
  if (label === null) return cssValue("--accent");
  const count = data.classes.length;
  return count <= HUES.length ? HUES[label] : `hsl(${(360 * label) / count} 65% 52%)`;
};
const CRISP_PIXELS = 96; // smaller images are shown pixel by pixel, larger ones smoothly

// A picture (C, H, W) in [0, 1] on a canvas of its size.
function paintImage(canvas, image, height = imageHeight, width = imageWidth) {
  if (canvas.width !== width || canvas.height !== height || !canvas.pixels) {
    Object.assign(canvas, { width, height });
    canvas.pixels = new ImageData(width, height);
    canvas.pixels.data.fill(255);
    canvas.style.aspectRatio = `${width} / ${height}`;
    canvas.classList.toggle("crisp", Math.max(width, height) < CRISP_PIXELS);
  }
  const plane = width * height;
  const [green, blue] = channels >= 3 ? [plane, 2 * plane] : [0, 0];
  const levels = canvas.pixels.data;
  for (let i = 0, at = 0; i < plane; i++, at += 4) {
    levels[at] = 255 * image[i];
    levels[at + 1] = 255 * image[i + green];
    levels[at + 2] = 255 * image[i + blue];
  }
  canvas.getContext("2d").putImageData(canvas.pixels, 0, 0);
}

// Many images in one, loaded from its address.
class Sprite {
  constructor(record) {
    Object.assign(this, record);
    this.picture = new Image();
    this.picture.src = record.url;
    this.loaded = this.picture.decode();
  }

  draw(context, i, x, y, width, height) {
    const { width: w, height: h, columns } = this;
    context.drawImage(this.picture, (i % columns) * w, Math.floor(i / columns) * h, w, h, x, y, width, height);
  }

  paint(canvas, i) {
    Object.assign(canvas, { width: this.width, height: this.height });
    canvas.style.aspectRatio = `${this.width} / ${this.height}`;
    canvas.classList.toggle("crisp", Math.max(this.width, this.height) < CRISP_PIXELS);
    this.draw(canvas.getContext("2d"), i, 0, 0, this.width, this.height);
  }
}
const images = new Sprite(data.sprite);
const grid = live ? null : new Sprite(data.decoder.grid.sprite);
let gridPixels = null; // of all pictures, once they are loaded

function readGrid() {
  const canvas = Object.assign(document.createElement("canvas"), { width: grid.picture.width, height: grid.picture.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(grid.picture, 0, 0);
  gridPixels = context.getImageData(0, 0, canvas.width, canvas.height);
}

function gridPicture(i) {
  const { width, height, columns } = grid;
  const out = new Float32Array((channels >= 3 ? 3 : 1) * width * height);
  const corner = (Math.floor(i / columns) * height * gridPixels.width + (i % columns) * width) * 4;
  for (let at = 0; at < out.length; at++) {
    const [channel, pixel] = [Math.floor(at / (width * height)), at % (width * height)];
    out[at] = gridPixels.data[corner + 4 * (Math.floor(pixel / width) * gridPixels.width + (pixel % width)) + channel] / 255;
  }
  return out;
}
// The size of what `decode` returns: pictures that were drawn beforehand may be smaller.
const [drawnHeight, drawnWidth] = live ? [imageHeight, imageWidth] : [data.decoder.grid.sprite.height, data.decoder.grid.sprite.width];
const paintDecoded = (canvas, z, label) => paintImage(canvas, decode(z, label), drawnHeight, drawnWidth);

// A canvas with as many pixels as the screen has; returns its context, and width and height in CSS pixels.
function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [context, width, height];
}

const MOST_BARS = 64;
const barred = (size <= MOST_BARS ? [...Array(size).keys()] : data.active.slice(0, MOST_BARS));
const MAX_BAR = 3;

// z as bars upwards and downwards.
function paintCode(z) {
  const [context, width, height] = fitted(byId("code"));
  context.clearRect(0, 0, width, height);
  const each = width / barred.length;
  const bar = Math.min(18, Math.max(1, each - 2));
  context.fillStyle = cssValue("--line");
  context.fillRect(0, height / 2 - 0.5, width, 1);
  context.fillStyle = cssValue("--accent");
  barred.forEach((dim, k) => {
    const length = (Math.max(-1, Math.min(1, z[dim] / MAX_BAR)) * height) / 2;
    context.fillRect(each * (k + 0.5) - bar / 2, height / 2 - Math.max(0, length), bar, Math.max(1, Math.abs(length)));
  });
}

// The image of a dot, and what it is.
function paintNear(z) {
  const i = nearestInSpace(z);
  const [canvas, text] = byId("near").children;
  images.paint(canvas, i);
  const label = labelOf(i) === null ? "" : `, label ${nameOf(labelOf(i))}`;
  text.replaceChildren(element("b", { textContent: `image ${i}${label}` }), element("br"), `is the nearest of the ${data.images}`);
}
