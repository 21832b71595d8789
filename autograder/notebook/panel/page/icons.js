// Small pictures beside words. None is the only sign of anything, so none is told to a screen reader.

import { draw, put } from "./dom.js";

const STROKES = {
  fine: "M3 8.5l3.2 3.2L13 4.8",
  cross: "M4 4l8 8M12 4l-8 8",
  warn: "M8 2.2l6.4 11.3H1.6zM8 6.4v3.2M8 11.4v.6",
  dash: "M3.5 8h9",
  wait: "M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2M8 4.8V8l2.2 1.6",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  cut: "M1.5 8h4M10.5 8h4M6.8 3.5l-1.4 9M10.6 3.5l-1.4 9",
  up: "M8 13V3.4M3.8 7.4L8 3.2l4.2 4.2",
  back: "M6 3L2.6 6.2 6 9.4M2.8 6.2h6.4a4 4 0 0 1 0 7.6H6",
  bolt: "M9 1.8L3.6 9h4l-.8 5.2L12.4 7H8.2z",
  plus: "M8 3v10M3 8h10",
  ask: "M5.4 5.8a2.6 2.6 0 1 1 3.7 2.6c-.8.4-1.1.8-1.1 1.6M8 12.4v.6",
  pen: "M3 13l.6-2.8L10.8 3 13 5.2l-7.2 7.2z",
  load: "M2.5 12h3V8h-3zM6.7 12h3V5.4h-3zM10.9 12h3V2.8h-3z",
};

/** Which picture stands for a mark of the timeline. */
export const MARK_ICONS = {
  apply: "up", refused: "cross", rollback: "back", fault: "bolt", heal: "plus", crash: "warn", recovery: "fine",
  check: "ask", prediction: "pen", load: "load",
};

/** An icon; `turn` gives it another picture. */
export function icon(name) {
  const line = draw("path", { d: STROKES[name] ?? STROKES.dash });
  const node = draw("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, line);
  node.line = line;
  return node;
}

export function turn(node, name) {
  put(node.line, "d", STROKES[name] ?? STROKES.dash);
}

/** Only the line of an icon, for use inside another drawing. */
export function strokes(name) {
  return STROKES[name] ?? STROKES.dash;
}
