// The place that was given up: JupyterLab waits two seconds for a widget's model when a page is loaded anew. On a busy
// machine the model may come just then, and the page says for ever that there is none. The model is here: take the place.

const GIVEN_UP = "Error displaying widget: model not found";
const BESIDE = "Starting the stack of "; // what opening a lab prints: the place of another widget is left alone
const SEEK_EVERY_MS = 1000;
const SEEK_FOR_MS = 300_000;

function lostPlace() {
  const given = [...document.querySelectorAll(".jupyter-widgets")].filter((node) => node.textContent === GIVEN_UP);
  return given.find((node) => node.closest(".jp-OutputArea")?.textContent.includes(BESIDE));
}

/** From when the model is here: `show(place)` in a place that was given up, unless the panel `isShown()` elsewhere. */
export function takeLostPlace(show, isShown) {
  const until = performance.now() + SEEK_FOR_MS;
  const clock = setInterval(() => {
    const place = isShown() ? undefined : lostPlace();
    if (place) {
      place.textContent = "";
      show(place);
    }
    if (isShown() || performance.now() > until) clearInterval(clock);
  }, SEEK_EVERY_MS);
}
