// The map: dots, images or what the decoder draws, in a base layer that is painted once; above it the point and the line.
const mapCanvas = byId("map");
const base = document.createElement("canvas");
const VIEWS = { dots: "dots", images: "images", drawn: live ? "decoder" : "drawn" };
const POINT_RADIUS = 9;
const HANDLE_REACH = 20; // pixels within which a handle, or a dot, is meant
const DOT_REACH = 12;
const map = { view: "dots", highlighted: null, width: 0, height: 0, drawn: new Map(), drawing: 0 };

const toScreen = (p) => [0, 1].map((k) => {
  const share = (p[k] - data.extent[k][0]) / (data.extent[k][1] - data.extent[k][0]);
  return k ? map.height * (1 - share) : map.width * share;
});
const toPlane = (x, y) => [x / map.width, 1 - y / map.height].map((share, k) => data.extent[k][0] + share * (data.extent[k][1] - data.extent[k][0]));
const pixelsPerUnit = () => [map.width / (data.extent[0][1] - data.extent[0][0]), map.height / (data.extent[1][1] - data.extent[1][0])];

// Where a z is on the screen; on a line, in the middle of its height.
const spotOf = (z) => (planar === 2 ? toScreen(project(z)) : [toScreen(project(z))[0], map.height / 2]);

function paintBase() {
  [, map.width, map.height] = fitted(mapCanvas);
  if (!map.width || !map.height) return; // a window that is not shown
  Object.assign(base, { width: mapCanvas.width, height: mapCanvas.height });
  const context = base.getContext("2d");
  const ratio = mapCanvas.width / map.width;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (map.view === "drawn") paintDrawn(context);
  else if (map.view === "images") paintImages(context);
  else paintDots(context);
  paintAxes(context);
  paintMap();
}

const isFaint = (i) => map.highlighted !== null && labelOf(i) !== map.highlighted;

function paintDots(context) {
  const radius = Math.max(2.2, Math.min(4.5, Math.sqrt((map.width * map.height) / data.count) / 6));
  for (const i of [...dots].sort((a, b) => isFaint(b) - isFaint(a))) {
    const [x, y] = toScreen(places[i]);
    context.globalAlpha = isFaint(i) ? 0.1 : 0.72;
    context.fillStyle = hueOf(labelOf(i));
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  if (planar === 2 && seen.length <= 30) paintNames(context);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const middleOf = (label) => {
  const own = dots.filter((i) => labelOf(i) === label);
  return [median(own.map((i) => places[i][0])), median(own.map((i) => places[i][1]))];
};

// The name of each class in the middle of its dots.
function paintNames(context) {
  Object.assign(context, { font: "800 21px system-ui, sans-serif", textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 6 });
  for (const label of seen) {
    if (map.highlighted !== null && label !== map.highlighted) continue;
    const [x, y] = toScreen(middleOf(label));
    context.strokeStyle = cssValue("--ground");
    context.strokeText(nameOf(label), x, y);
    context.fillStyle = hueOf(label);
    context.fillText(nameOf(label), x, y);
  }
}

// Images where their dots are, none above another; a frame has the colour of the class.
function paintImages(context) {
  const width = Math.max(20, Math.min(34, map.width / 18));
  const height = (width * images.height) / images.width;
  const taken = [];
  for (const i of [...dots].sort((a, b) => isFaint(a) - isFaint(b))) {
    const [x, y] = toScreen(places[i]);
    if (taken.some(([u, v]) => Math.abs(u - x) < width + 2 && Math.abs(v - y) < height + 2)) continue;
    taken.push([x, y]);
    context.globalAlpha = isFaint(i) ? 0.2 : 1;
    context.fillStyle = hueOf(labelOf(i));
    context.fillRect(x - width / 2 - 1.5, y - height / 2 - 1.5, width + 3, height + 3);
    images.draw(context, i, x - width / 2, y - height / 2, width, height);
  }
  context.globalAlpha = 1;
}

// What the decoder draws at the centres of the cells of a grid over the map; made a few at a time, and kept.
const CELLS = live ? 20 : data.decoder.grid.side;

function cellPicture(row, column) {
  const p = toPlane(((column + 0.5) / CELLS) * map.width, ((row + 0.5) / CELLS) * map.height);
  const canvas = document.createElement("canvas");
  paintDecoded(canvas, lift(p), state.label);
  return canvas;
}

function paintDrawn(context) {
  const drawing = ++map.drawing;
  const [width, height] = [map.width / CELLS, map.height / CELLS];
  const pictures = map.drawn.get(state.label) ?? [];
  map.drawn.set(state.label, pictures);
  context.fillStyle = "#000";
  context.fillRect(0, 0, map.width, map.height);
  context.imageSmoothingQuality = "high";
  const place = (at) => context.drawImage(pictures[at], (at % CELLS) * width, Math.floor(at / CELLS) * height, width + 0.5, height + 0.5);
  pictures.forEach((_, at) => place(at));
  const more = () => {
    if (drawing !== map.drawing || map.view !== "drawn") return;
    for (const end = performance.now() + 8; pictures.length < CELLS * CELLS && performance.now() < end; ) {
      const at = pictures.length;
      pictures.push(cellPicture(Math.floor(at / CELLS), at % CELLS));
      place(at);
    }
    paintMap();
    if (pictures.length < CELLS * CELLS) requestAnimationFrame(more);
  };
  more();
}

function paintAxes(context) {
  Object.assign(context, { font: "12px system-ui, sans-serif", textAlign: "right", textBaseline: "bottom", lineJoin: "round", lineWidth: 4 });
  const write = (text, x, y) => {
    if (map.view !== "dots") return;
    context.strokeStyle = cssValue("--ground");
    context.strokeText(text, x, y);
    context.fillStyle = cssValue("--muted");
    context.fillText(text, x, y);
  };
  write(`${data.names[0]} →`, map.width - 10, map.height - 7);
  context.save();
  context.translate(20, 10);
  context.rotate(-Math.PI / 2);
  if (planar === 2) write(`${data.names[1]} →`, 0, 0);
  context.restore();
}

function paintMap() {
  if (!base.width || !base.height) return;
  const [context] = fitted(mapCanvas);
  context.clearRect(0, 0, map.width, map.height);
  context.drawImage(base, 0, 0, map.width, map.height);
  const [a, b, at] = [state.a, state.b, state.hover ?? state.z].map(spotOf);
  context.lineCap = "round";
  for (const [colour, width] of [[cssValue("--ground"), 5], [cssValue("--warm"), 2.2]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width });
    context.setLineDash(width < 3 ? [6, 6] : []);
    context.beginPath();
    context.moveTo(...a);
    context.lineTo(...b);
    context.stroke();
  }
  context.setLineDash([]);
  paintHandle(context, a, "A");
  paintHandle(context, b, "B");
  paintPoint(context, at);
}

function paintHandle(context, [x, y], name) {
  context.beginPath();
  context.arc(x, y, 10, 0, 2 * Math.PI);
  Object.assign(context, { fillStyle: cssValue("--warm"), strokeStyle: cssValue("--ground"), lineWidth: 2 });
  context.fill();
  context.stroke();
  Object.assign(context, { fillStyle: cssValue("--card"), font: "700 12px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  context.fillText(name, x, y + 0.5);
}

// A ring with a dark and a light edge is seen on every ground.
function paintPoint(context, [x, y]) {
  for (const [colour, width] of [["#fff", 6], ["#10161e", 3]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width });
    context.beginPath();
    context.arc(x, y, POINT_RADIUS, 0, 2 * Math.PI);
    context.stroke();
  }
  context.fillStyle = "#fff";
  context.beginPath();
  context.arc(x, y, 2.5, 0, 2 * Math.PI);
  context.fill();
}

// The image of a dot beside the pointer; none for null.
function showTip(i, x, y) {
  const tip = byId("tip");
  tip.hidden = i === null;
  if (i === null) return;
  images.paint(tip.firstElementChild, i);
  tip.lastElementChild.textContent = labelOf(i) === null ? `image ${i}` : `image ${i}: ${nameOf(labelOf(i))}`;
  const left = x + 100 > map.width ? x - 104 : x + 16;
  tip.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, Math.min(y - 50, map.height - 110))}px)`;
}

const grabbed = { what: null, moved: false, from: [0, 0] };

function handleAt(x, y) {
  const found = ["b", "a"].map((name) => [name, spotOf(state[name])]).find(([, [u, v]]) => Math.hypot(u - x, v - y) < HANDLE_REACH / 1.4);
  return found?.[0] ?? "z";
}

function dotAt(x, y) {
  const [i, distance] = nearestDot(toPlane(x, y), pixelsPerUnit());
  return distance < DOT_REACH ? i : null;
}

function spot(event) {
  const box = mapCanvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top].map((v, k) => Math.max(0, Math.min(k ? map.height : map.width, v)));
}

function startMap() {
  mapCanvas.addEventListener("pointerdown", (event) => {
    stopFilm();
    const [x, y] = spot(event);
    if (event.isTrusted) mapCanvas.setPointerCapture(event.pointerId);
    Object.assign(grabbed, { what: handleAt(x, y), moved: false, from: [x, y] });
    if (grabbed.what === "z") moveTo("z", x, y);
  });
  mapCanvas.addEventListener("pointermove", (event) => {
    const [x, y] = spot(event);
    if (grabbed.what) {
      grabbed.moved ||= Math.hypot(x - grabbed.from[0], y - grabbed.from[1]) > 4;
      if (grabbed.moved) moveTo(grabbed.what, x, y);
      showTip(null);
    } else if (event.pointerType === "mouse") {
      stopFilm();
      hoverAt(x, y);
    }
    state.timing.answered = performance.now() - event.timeStamp;
  });
  mapCanvas.addEventListener("pointerup", (event) => {
    const dot = dotAt(...spot(event));
    if (!grabbed.moved && grabbed.what === "z" && dot !== null) goToDot(dot);
    grabbed.what = null;
  });
  mapCanvas.addEventListener("pointercancel", () => { grabbed.what = null; });
  mapCanvas.addEventListener("pointerleave", () => {
    showTip(null);
    if (!grabbed.what && state.hover) show(state.z);
  });
  mapCanvas.addEventListener("keydown", (event) => {
    const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!right && !down) return;
    event.preventDefault();
    stopFilm();
    const [x, y] = spotOf(state.z);
    const step = event.shiftKey ? 20 : 5;
    moveTo("z", Math.max(0, Math.min(map.width, x + step * right)), Math.max(0, Math.min(map.height, y + step * down)));
  });
  new ResizeObserver(() => paintBase()).observe(mapCanvas);
}
