// A slider for each dimension in use. At its ends stand the pictures that it would lead to from here.
const FEW = 24; // more sliders are behind a button
const REACH = 3; // a slider goes at least from -3 to 3, where a standard normal prior has its mass
const sliders = [];
let shownSliders = Math.min(FEW, data.active.length);

function rangeOf(dim) {
  let [low, high] = [-REACH, REACH];
  for (const i of dots) {
    low = Math.min(low, means[i * size + dim]);
    high = Math.max(high, means[i * size + dim]);
  }
  return [Math.floor(low * 2) / 2, Math.ceil(high * 2) / 2];
}

function makeSlider(dim) {
  const [low, high] = rangeOf(dim);
  const input = element("input", { type: "range", min: low, max: high, step: 0.01, id: `z${dim}` });
  const [first, last] = [0, 1].map((k) => element("canvas", { className: "end", title: `z${dim} = ${k ? high : low}` }));
  const output = element("output");
  const spread = element("canvas", { className: "spread" });
  const row = element("div", { className: "dim" }, element("label", { textContent: `z${dim}`, htmlFor: `z${dim}` }), first,
    element("div", { className: "track" }, spread, input), last, output);
  const slider = { dim, low, high, input, output, first, last, spread, row };
  input.addEventListener("input", () => {
    stopFilm();
    setNumber(dim, Number(input.value));
  });
  [[first, low], [last, high]].forEach(([canvas, value]) => {
    canvas.style.cursor = "pointer";
    canvas.addEventListener("click", () => {
      stopFilm();
      setNumber(dim, value);
    });
  });
  return slider;
}

// How the dots are spread along the dimension.
function paintSpread({ dim, low, high, spread }) {
  const [context, width, height] = fitted(spread);
  const bins = new Array(40).fill(0);
  for (const i of dots) bins[Math.min(39, Math.floor((40 * (means[i * size + dim] - low)) / (high - low)))] += 1;
  const most = Math.max(...bins);
  context.clearRect(0, 0, width, height);
  context.fillStyle = cssValue("--accent");
  bins.forEach((count, k) => context.fillRect((k * width) / 40, height - (count / most) * height, width / 40 - 0.5, (count / most) * height));
}

const numberText = (value) => (Math.round(100 * value) / 100 + 0).toFixed(2).replace("-", "−");

let slidersDue = false;
function syncSliders() {
  if (slidersDue) return;
  slidersDue = true;
  requestAnimationFrame(() => {
    slidersDue = false;
    for (const { dim, input, output } of sliders) {
      input.value = current()[dim];
      output.textContent = numberText(current()[dim]);
    }
  });
}

// The pictures at the ends: a few at a time, so that nothing waits for them, once z rests.
let ends = 0;
function paintEnds() {
  const turn = ++ends;
  const due = sliders.flatMap(({ dim, low, high, first, last }) => [[first, dim, low], [last, dim, high]]);
  const more = () => {
    if (turn !== ends) return;
    for (const end = performance.now() + 6; due.length && performance.now() < end; ) {
      const [canvas, dim, value] = due.shift();
      const z = state.z.slice();
      z[dim] = value;
      paintDecoded(canvas, z, state.label);
    }
    if (due.length) requestAnimationFrame(more);
  };
  setTimeout(more, 120);
}

function fillSliders() {
  sliders.splice(0, sliders.length, ...data.active.slice(0, shownSliders).map(makeSlider));
  byId("sliders").replaceChildren(...sliders.map(({ row }) => row));
  sliders.forEach(paintSpread);
  syncSliders();
  paintEnds();
}

function startSliders() {
  const [used, idle] = [data.active.length, size - data.active.length];
  const idleText = idle ? ` ${idle === 1 ? "One number has" : `${idle} numbers have`} no slider: the model leaves ${idle === 1 ? "it" : "them"} unused.` : "";
  byId("dimensions-text").textContent = !live
    ? "There are no sliders here, since the decoder of this model cannot run in a page."
    : used === 0
      ? "This model uses none of its numbers: whatever they are, the decoder draws the same (posterior collapse)."
      : `Each slider changes one number and leaves the others. The pictures at its ends are what it leads to from here.${idleText}`;
  if (!live) return;
  const more = byId("more");
  more.hidden = used <= FEW;
  more.textContent = `all ${used} sliders`;
  more.addEventListener("click", () => {
    shownSliders = used;
    more.hidden = true;
    fillSliders();
  });
  fillSliders();
}
