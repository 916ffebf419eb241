// The latent space: its dots, its plane, and the decoder. z is a row of numbers, p a place on the plane.
const data = JSON.parse(document.getElementById("data").textContent);
const [channels, imageHeight, imageWidth] = data.image;
const size = data.size;
const planar = data.axes.length; // 1: a line, on which height means nothing
const live = !data.decoder.grid;
const means = floatsOf(data.means, 16);
const dots = [...Array(data.count).keys()];
const meanOf = (i) => means.slice(i * size, (i + 1) * size);
const labelOf = (i) => (data.labelled ? data.labelled[i] : null);
const nameOf = (label) => data.classes?.[label] ?? String(label);
const seen = data.labelled ? [...new Set(data.labelled)].sort((a, b) => a - b) : []; // labels that dots have

function project(z) {
  const p = data.axes.map((axis) => axis.reduce((sum, a, i) => sum + a * (z[i] - data.centre[i]), 0));
  return planar === 2 ? p : [p[0], 0];
}

// A line has no height: its dots are spread evenly, by the golden ratio.
const [lowest, highest] = data.extent[1];
const places = dots.map((i) => {
  const [x, y] = project(meanOf(i));
  return planar === 2 ? [x, y] : [x, lowest + (highest - lowest) * (0.06 + 0.88 * ((i * 0.618034) % 1))];
});

// What of z the plane does not show: z less the point of the plane below it.
function awayOf(z) {
  const p = project(z);
  return z.map((value, i) => value - data.centre[i] - data.axes.reduce((sum, axis, k) => sum + axis[i] * p[k], 0));
}
const flat = size <= 2;
const away = flat ? null : dots.map((i) => awayOf(meanOf(i)));

// As the dots nearby have it: weights 1 / distance^6.
function awayNearby(p) {
  const sum = new Float64Array(size);
  let total = 0;
  for (const i of dots) {
    const weight = 1 / ((places[i][0] - p[0]) ** 2 + (places[i][1] - p[1]) ** 2 + 1e-9) ** 3;
    total += weight;
    for (let k = 0; k < size; k++) sum[k] += weight * away[i][k];
  }
  return sum.map((value) => value / total);
}

// The z of a place on the plane; what the plane leaves open is that of `kept`, or of the dots nearby.
function lift(p, kept = null) {
  const rest = flat ? null : kept ? awayOf(kept) : awayNearby(p);
  return Float32Array.from({ length: size }, (_, i) => data.centre[i] + data.axes.reduce((sum, axis, k) => sum + axis[i] * p[k], 0) + (rest ? rest[i] : 0));
}

function nearestDot(p, scale = [1, 1]) {
  let best = 0;
  let least = Infinity;
  for (const i of dots) {
    const distance = ((places[i][0] - p[0]) * scale[0]) ** 2 + ((places[i][1] - p[1]) * scale[1]) ** 2;
    if (distance < least) [best, least] = [i, distance];
  }
  return [best, Math.sqrt(least)];
}

// By all numbers of z, not by the plane.
function nearestInSpace(z) {
  let best = 0;
  let least = Infinity;
  for (const i of dots) {
    let distance = 0;
    for (let k = 0, at = i * size; k < size; k++) distance += (means[at + k] - z[k]) ** 2;
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}

const between = (a, b, t) => a.map((value, i) => value + t * (b[i] - value));

const weights = live ? floatsOf(document.getElementById("weights").textContent, data.decoder.bits) : null;
const toMean = live ? MEANS[data.decoder.mean.op](data.decoder.mean) : null;

// (Z,) -> the mean image, (C, H, W) in [0, 1], flat.
function decodeLive(z, label) {
  const x = new Float32Array(size + data.labels);
  x.set(z);
  if (data.labels) x[size + label] = 1;
  return changed(runLayers(data.decoder.layers, x, weights), toMean);
}

// The picture of the cell below z, of those that were drawn beforehand.
function decodeGrid(z, label) {
  const { side, labels } = data.decoder.grid;
  const p = project(z);
  const [column, row] = p.map((value, k) => {
    const share = (value - data.extent[k][0]) / (data.extent[k][1] - data.extent[k][0]);
    return Math.min(side - 1, Math.max(0, Math.floor(side * (k ? 1 - share : share))));
  });
  return gridPicture(((Math.min(label ?? 0, labels - 1)) * side + (planar === 2 ? row : 0)) * side + column);
}
const decode = live ? decodeLive : decodeGrid;
