// The line from A to B: a strip of pictures, and a film of them.
const SECONDS = 3.5; // from A to B
const FRAMES = Math.min(11, Math.max(5, Math.floor(window.innerWidth / 90)));
const film = { frames: [], playing: false, begun: 0 };

function startFilm() {
  const strip = byId("strip");
  for (let k = 0; k < FRAMES; k++) {
    const canvas = element("canvas");
    const figure = element("figure", {}, canvas);
    if (k === 0 || k === FRAMES - 1) figure.append(element("figcaption", { textContent: k ? "B" : "A" }));
    canvas.addEventListener("click", () => scrubTo(k / (FRAMES - 1)));
    film.frames.push({ figure, canvas });
    strip.append(figure);
  }
  byId("scrub").addEventListener("input", (event) => scrubTo(event.target.value / 1000));
  byId("play").addEventListener("click", () => (film.playing ? stopFilm() : playFilm()));
  byId("set-a").addEventListener("click", () => setEnd("a", state.z.slice()));
  byId("set-b").addEventListener("click", () => setEnd("b", state.z.slice()));
  byId("another").addEventListener("click", () => {
    const [a, b] = randomPair();
    setEnd("a", meanOf(a));
    setEnd("b", meanOf(b));
    playFilm();
  });
}

// Two images, of different labels where there are some.
function randomPair() {
  const draw = () => Math.floor(Math.random() * data.count);
  const a = draw();
  let b = draw();
  for (let tries = 0; tries < 50 && (b === a || (seen.length > 1 && labelOf(a) === labelOf(b))); tries++) b = draw();
  return [a, b];
}

function setEnd(name, z) {
  stopFilm();
  state[name] = z;
  paintStrip();
  paintMap();
}

let stripDue = false;
function paintStrip() {
  if (stripDue) return;
  stripDue = true;
  requestAnimationFrame(() => {
    stripDue = false;
    film.frames.forEach(({ canvas }, k) => paintDecoded(canvas, between(state.a, state.b, k / (FRAMES - 1)), state.label));
  });
}

function placeFilm(t) {
  film.frames.forEach(({ figure }, k) => figure.classList.toggle("now", t !== null && Math.round(t * (FRAMES - 1)) === k));
  if (t !== null) byId("scrub").value = Math.round(1000 * t);
}

// Goes to a place on the line, from 0 at A to 1 at B.
function filmTo(t) {
  state.z = between(state.a, state.b, t);
  show(state.z);
  placeFilm(t);
}

function scrubTo(t) {
  stopFilm();
  filmTo(t);
  paintEnds();
}

// Plays until it is stopped, or there and back some times.
function playFilm(times = Infinity) {
  film.playing = true;
  byId("play").textContent = "❚❚ pause";
  film.begun = performance.now();
  const frame = (now) => {
    if (!film.playing) return;
    const turns = Math.max(0, now - film.begun) / 1000 / SECONDS;
    if (turns >= 2 * times) return stopFilm();
    const t = turns % 2 < 1 ? turns % 1 : 1 - (turns % 1); // there and back
    filmTo((1 - Math.cos(Math.PI * t)) / 2);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function stopFilm() {
  if (!film.playing) return;
  film.playing = false;
  byId("play").textContent = "▶ play";
  paintEnds();
}
