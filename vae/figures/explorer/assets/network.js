// Runs the exported decoder: layers over flat rows of numbers, an image as (C, H, W), weights in one row.
function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

// Base64 of little-endian numbers in half (16) or single (32) precision.
function floatsOf(text, bits) {
  const bytes = bytesOf(text);
  if (bits === 32) return new Float32Array(bytes.buffer);
  const halves = new Uint16Array(bytes.buffer);
  const values = new Float32Array(1 << 16);
  for (let half = 0; half < values.length; half++) {
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction ? NaN : Infinity) : (1024 + fraction) * 2 ** (exponent - 25);
    values[half] = half & 0x8000 ? -size : size;
  }
  return Float32Array.from(halves, (half) => values[half]);
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// Abramowitz and Stegun (1964), 7.1.26: the error is below 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
  return x < 0 ? tail - 1 : 1 - tail;
}

const geluTanh = (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

function changed(x, change) {
  for (let i = 0; i < x.length; i++) x[i] = change(x[i]);
  return x;
}

function linear({ inputs, outputs, weight, bias }, x, weights) {
  const y = new Float32Array(outputs);
  for (let row = 0, at = weight; row < outputs; row++) {
    let sum = bias < 0 ? 0 : weights[bias + row];
    for (let i = 0; i < inputs; i++) sum += weights[at++] * x[i];
    y[row] = sum;
  }
  return y;
}

// Places of an input row along one axis that a step of the kernel lets fall inside an output of some size.
function inside(size, out, stride, offset) {
  const first = Math.max(0, Math.ceil(-offset / stride));
  const last = Math.min(size - 1, Math.floor((out - 1 - offset) / stride));
  return [first, last];
}

function biased(layer, weights) {
  const [channels, height, width] = layer.to;
  const y = new Float32Array(channels * height * width);
  if (layer.bias >= 0) for (let c = 0; c < channels; c++) y.fill(weights[layer.bias + c], c * height * width, (c + 1) * height * width);
  return y;
}

// Each place of a kernel: which rows and columns it joins, and the weights of all pairs of channels there.
function eachPlace(layer, [height, width], [outHeight, outWidth], join) {
  const [rows, columns] = layer.kernel;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const down = row * layer.dilation[0] - layer.padding[0];
      const right = column * layer.dilation[1] - layer.padding[1];
      const [top, bottom] = inside(height, outHeight, layer.stride[0], down);
      const [left, end] = inside(width, outWidth, layer.stride[1], right);
      join({ at: layer.weight + row * columns + column, step: rows * columns, down, right, top, bottom, left, end });
    }
  }
}

// Output pixel (i, j) reads input pixel (i stride + down, j stride + right).
function conv(layer, x, weights) {
  const [inputs, height, width] = layer.from;
  const [outputs, outHeight, outWidth] = layer.to;
  const [strideDown, strideRight] = layer.stride;
  const y = biased(layer, weights);
  eachPlace(layer, [outHeight, outWidth], [height, width], ({ at, step, down, right, top, bottom, left, end }) => {
    for (let to = 0; to < outputs; to++) {
      for (let from = 0; from < inputs; from++, at += step) {
        const w = weights[at];
        for (let i = top; i <= bottom; i++) {
          const source = (from * height + i * strideDown + down) * width + right;
          const target = (to * outHeight + i) * outWidth;
          for (let j = left; j <= end; j++) y[target + j] += w * x[source + j * strideRight];
        }
      }
    }
  });
  return y;
}

// Input pixel (i, j) is added to output pixel (i stride + down, j stride + right).
function convTranspose(layer, x, weights) {
  const [inputs, height, width] = layer.from;
  const [outputs, outHeight, outWidth] = layer.to;
  const [strideDown, strideRight] = layer.stride;
  const y = biased(layer, weights);
  eachPlace(layer, [height, width], [outHeight, outWidth], ({ at, step, down, right, top, bottom, left, end }) => {
    for (let from = 0; from < inputs; from++) {
      for (let to = 0; to < outputs; to++, at += step) {
        const w = weights[at];
        for (let i = top; i <= bottom; i++) {
          const source = (from * height + i) * width;
          const target = (to * outHeight + i * strideDown + down) * outWidth + right;
          for (let j = left; j <= end; j++) y[target + j * strideRight] += w * x[source + j];
        }
      }
    }
  });
  return y;
}

function affine({ channels, each, scale, shift }, x, weights) {
  for (let c = 0, i = 0; c < channels; c++) {
    for (const end = (c + 1) * each; i < end; i++) x[i] = x[i] * weights[scale + c] + weights[shift + c];
  }
  return x;
}

function gated(layer, x) {
  const half = x.length / 2;
  for (let i = 0; i < half; i++) x[i] *= sigmoid(x[half + i]);
  return x.slice(0, half);
}

function residual(layer, x, weights) {
  const inner = runLayers(layer.layers, x.slice(), weights);
  for (let i = 0; i < x.length; i++) x[i] += inner[i];
  return x;
}

// Each may write into its input.
const LAYERS = {
  linear, conv, conv_transpose: convTranspose, affine, glu: gated, residual,
  relu: (layer, x) => changed(x, (v) => (v > 0 ? v : 0)),
  tanh: (layer, x) => changed(x, Math.tanh),
  sigmoid: (layer, x) => changed(x, sigmoid),
  silu: (layer, x) => changed(x, (v) => v * sigmoid(v)),
  gelu: (layer, x) => changed(x, layer.approximate === "tanh" ? geluTanh : (v) => 0.5 * v * (1 + erf(v / Math.SQRT2))),
  elu: (layer, x) => changed(x, (v) => (v > 0 ? v : layer.alpha * Math.expm1(v))),
  leaky_relu: (layer, x) => changed(x, (v) => (v > 0 ? v : layer.slope * v)),
  softplus: (layer, x) => changed(x, (v) => (v * layer.beta > layer.threshold ? v : Math.log1p(Math.exp(v * layer.beta)) / layer.beta)),
};

function runLayers(layers, x, weights) {
  for (const layer of layers) x = LAYERS[layer.op](layer, x, weights);
  return x;
}

const softplus = (v) => (v > 30 ? v : Math.log1p(Math.exp(v)));

// The mean of each likelihood, as in vae/models/likelihoods.py.
const MEANS = {
  sigmoid: () => sigmoid,
  continuous_bernoulli: () => (v) => (Math.abs(v) < 0.1 ? 0.5 + v / 12 - v ** 3 / 720 : -1 / Math.expm1(-v) - 1 / v),
  discretised_logistic: ({ scale }) => (v) => {
    const location = sigmoid(v);
    return 1 - scale * (softplus((1 - location) / scale) - softplus(-location / scale));
  },
};
