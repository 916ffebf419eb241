// Starts the parts in the order in which they stand on the page.
if (count) {
  startTable();
  startParallel();
}
const redrawCurves = startCurves();
const redrawFigures = startFigures();
if (count) startGallery();

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  redrawCurves();
  redrawFigures();
});
document.documentElement.dataset.ready = "true";
