// Starts the parts of the page, from top to bottom.
if (runCount) {
  startTable();
  startParallel();
}
const redrawCurves = startCurves();
const redrawFigures = startFigures();
if (runCount) startGallery();

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  redrawCurves();
  redrawFigures();
});
document.documentElement.dataset.ready = "true";
