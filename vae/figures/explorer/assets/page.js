// What all parts share: the point z, the ends of the line, the label; and the words of the page.
const state = { z: null, hover: null, a: null, b: null, label: data.labels ? 0 : null, keepsOthers: false, timing: {} };
const current = () => state.hover ?? state.z;

// Draws what lies at z.
function show(z, hovering = false) {
  const begun = performance.now();
  state.hover = hovering ? z : null;
  paintDecoded(byId("picture"), z, state.label);
  paintMap();
  paintCode(z);
  paintNear(z);
  syncSliders();
  state.timing.drawn = performance.now() - begun;
}

function moveTo(name, x, y) {
  const z = lift(toPlane(x, y), state.keepsOthers ? state[name] : null);
  state[name] = z;
  if (name === "z") {
    show(z);
    placeFilm(null);
    paintEnds();
  } else {
    show(z, true);
    state.hover = null;
    paintStrip();
  }
}

function hoverAt(x, y) {
  const dot = dotAt(x, y);
  showTip(dot, x, y);
  mapCanvas.style.cursor = handleAt(x, y) === "z" ? "crosshair" : "grab";
  show(lift(toPlane(x, y), state.keepsOthers ? state.z : null), true);
}

function goToDot(i) {
  state.z = meanOf(i);
  if (data.labels && labelOf(i) !== null) setLabel(labelOf(i));
  show(state.z);
  paintEnds();
}

function setNumber(dim, value) {
  state.z = state.z.slice();
  state.z[dim] = value;
  keepOthers(true);
  show(state.z);
  placeFilm(null);
  paintEnds();
}

// A choice among a few, as buttons that exclude each other.
function choice(holder, options, chosen, choose) {
  const mark = (key) => [...holder.children].forEach((button) => button.setAttribute("aria-pressed", button.dataset.key === key));
  holder.replaceChildren(...Object.entries(options).map(([key, text]) => {
    const button = element("button", { type: "button", textContent: text });
    button.dataset.key = key;
    button.addEventListener("click", () => {
      mark(key);
      choose(key);
    });
    return button;
  }));
  mark(chosen);
  return mark;
}

let markOthers = () => {};
function keepOthers(kept) {
  state.keepsOthers = kept && !flat;
  markOthers(state.keepsOthers ? "kept" : "nearby");
}

function setLabel(label) {
  state.label = label;
  const holder = byId("labels");
  if (holder.firstElementChild?.tagName === "SELECT") holder.firstElementChild.value = label;
  [...holder.querySelectorAll(".chip")].forEach((chip, k) => chip.setAttribute("aria-pressed", k === label));
  show(state.z);
  paintStrip();
  paintEnds();
  if (map.view === "drawn") paintBase();
}

const FEW_CHIPS = 30;
function chipsOf(labels, press) {
  return labels.map((label) => {
    const chip = element("button", { type: "button", className: "chip", textContent: nameOf(label) });
    chip.style.setProperty("--hue", hueOf(label));
    chip.setAttribute("aria-pressed", false);
    chip.addEventListener("click", () => press(label, chip));
    return chip;
  });
}

function startLabels() {
  if (seen.length > 0 && seen.length <= FEW_CHIPS) {
    const chips = chipsOf(seen, (label, chip) => {
      map.highlighted = map.highlighted === label ? null : label;
      chips.forEach((other) => other.setAttribute("aria-pressed", other === chip && map.highlighted !== null));
      paintBase();
    });
    byId("legend").append(...chips);
  }
  if (!data.labels) return;
  byId("label-box").hidden = false;
  const all = [...Array(live ? data.labels : data.decoder.grid.labels).keys()];
  if (all.length <= FEW_CHIPS) byId("labels").append(...chipsOf(all, setLabel));
  else {
    const select = element("select", { ariaLabel: "label" }, ...all.map((label) => element("option", { value: label, textContent: nameOf(label) })));
    select.addEventListener("change", () => setLabel(Number(select.value)));
    byId("labels").append(select);
  }
}

const counted = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

function writeWords() {
  byId("lead").replaceChildren(
    "This model has learned to describe each picture with ", element("b", { textContent: `${counted(size, "number")}` }),
    `. The numbers say where the picture lies on the map, and pictures that look alike lie close together. `,
    element("b", { textContent: matchMedia("(pointer: coarse)").matches ? "Touch the map: " : "Move over the map: " }),
    live ? "the model draws what lies there, even where there was no picture." : "you see what the model draws there, even where there was no picture.",
  );
  byId("map-title").textContent = data.count === 1 ? `One of the ${data.images}` : `${data.count.toLocaleString("en")} ${data.images}, a dot each`;
  byId("code-text").textContent = barred.length < size ? `the ${barred.length} most used of ${size} numbers` : counted(size, "number");
  byId("others-text").textContent = `The map shows 2 of ${size} directions. The rest is`;
  byId("exact").textContent = live
    ? `The decoder runs in this page, with weights in ${data.decoder.bits === 16 ? "half" : "single"} precision: over ${2 * data.decoder.compared} points, no pixel differs by more than ${data.decoder.error.toPrecision(2)} of 255 grey levels from what torch draws.`
    : `The decoder of this model cannot run in a page: ${data.decoder.why}. So ${data.decoder.grid.side} × ${data.decoder.grid.side} pictures were drawn beforehand${data.decoder.grid.labels > 1 ? " for each label" : ""}, and the nearest of them is shown.`;
}

// A and B to begin with: the dots in the middle of the two classes that lie farthest apart, or at the map's sides.
function firstPair() {
  if (planar === 2 && seen.length > 1) {
    const middles = seen.map(middleOf);
    const beyond = (p, q) => between(p, q, -0.15); // the names of the classes stand in their middles
    const dotOf = (k, p) => dots.filter((i) => labelOf(i) === seen[k]).sort((i, j) => distance(places[i], p) - distance(places[j], p))[0];
    const pairs = middles.flatMap((p, k) => middles.slice(0, k).map((q, j) => [distance(p, q), j, k]));
    const [, j, k] = pairs.sort((a, b) => b[0] - a[0])[0];
    return [dotOf(j, beyond(middles[j], middles[k])), dotOf(k, beyond(middles[k], middles[j]))];
  }
  const order = [...dots].sort((i, j) => places[i][0] - places[j][0]);
  return [order[Math.floor(0.1 * (order.length - 1))], order[Math.ceil(0.9 * (order.length - 1))]];
}
const distance = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);

function startPage() {
  const [a, b] = firstPair();
  Object.assign(state, { a: meanOf(a), b: meanOf(b), z: meanOf(a) });
  if (data.labels && labelOf(a) !== null) state.label = labelOf(a);
  writeWords();
  startLabels();
  startMap();
  choice(byId("views"), VIEWS, map.view, (view) => {
    map.view = view;
    paintBase();
  });
  if (!flat && live) {
    byId("others").hidden = false;
    markOthers = choice(byId("others").lastElementChild, { nearby: "that of dots nearby", kept: "kept" }, "nearby", (key) => keepOthers(key === "kept"));
  }
  paintBase();
  startFilm();
  startSliders();
  if (data.labels) setLabel(state.label);
  filmTo(0);
  paintStrip();
}

function repaint() {
  paintBase();
  paintCode(current());
  sliders.forEach(paintSpread);
}

byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  repaint();
});

Promise.all([images.loaded, grid?.loaded]).then(() => {
  if (grid) readGrid();
  startPage();
  requestAnimationFrame(() => {
    state.timing.opened = performance.now();
    document.documentElement.dataset.ready = "true";
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches && data.count > 1) playFilm(1);
  });
});
