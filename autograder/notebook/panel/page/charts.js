// The lines of the timeline: where a value lies, how a series becomes a path, where names fit at its end.

import { draw, put, write } from "./dom.js";

/** How each server's line differs from the others, besides its colour. */
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "5 5", "1 4"];
const CLOSE = 13;

/** A path through `points` ([x, y], y null where there is nothing to show). */
function through(points) {
  let [path, pen] = ["", false];
  for (const [x, y] of points) {
    if (y !== null) path += `${pen ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`;
    pen = y !== null;
  }
  return path;
}

/** Shift what is closer than a line of text, so that all can be read; order stays. */
export function apart(wished, lowest, highest) {
  const sorted = wished.map((y, at) => ({ y, at })).sort((a, b) => a.y - b.y);
  for (let n = 1; n < sorted.length; n += 1) sorted[n].y = Math.max(sorted[n].y, sorted[n - 1].y + CLOSE);
  let edge = highest;
  for (let n = sorted.length - 1; n >= 0; n -= 1) {
    sorted[n].y = Math.min(sorted[n].y, edge);
    edge = sorted[n].y - CLOSE;
  }
  const found = [];
  for (const { y, at } of sorted) found[at] = Math.max(lowest, y);
  return found;
}

/** One chart: `top` and `height` in the drawing, `scale` from a value to 0…1, `ticks` as [value, text]. */
export function makeChart(title, top, height) {
  const name = draw("text", { class: "title", x: "0", y: String(top - 19) }, title);
  const grid = draw("g", { class: "grid" });
  const lines = draw("g");
  const names = draw("g", { class: "names" });
  const node = draw("g", { class: "chart" }, name, grid, lines, names);
  const [series, ticks] = [new Map(), []];

  function tick(at) {
    if (!ticks[at]) {
      ticks[at] = { line: draw("line"), text: draw("text") };
      grid.append(ticks[at].line, ticks[at].text);
    }
    return ticks[at];
  }

  function one(key, style) {
    if (!series.has(key)) {
      const kind = { class: "series", "data-series": style };
      const line = draw("path", { ...kind, "stroke-dasharray": DASHES[style] ?? "" });
      const [text, sample] = [draw("text", kind), draw("line", { ...kind, "stroke-dasharray": DASHES[style] ?? "" })];
      series.set(key, { line, text, sample });
      lines.append(line);
      names.append(text, sample);
    }
    return series.get(key);
  }

  return {
    node,
    /** `all` are `{key, style, values}` with a value (or null) for each of `xs`; `right` is where the lines end. */
    show(all, xs, right, scale, marked) {
      const place = (value) => top + height * (1 - Math.min(1, Math.max(0, scale(value))));
      marked.forEach(([value, text], at) => {
        const { line, text: label } = tick(at);
        const y = place(value).toFixed(1);
        for (const [key, to] of [["x1", 0], ["x2", right], ["y1", y], ["y2", y]]) put(line, key, String(to));
        put(label, "x", "2");
        put(label, "y", String(Number(y) - 3));
        write(label, text);
      });
      ticks.forEach(({ line, text }, at) => [line, text].forEach((each) => put(each, "hidden", at >= marked.length)));
      const ends = all.map(({ values }) => place(values.at(-1) ?? 0));
      const rows = apart(ends, top, top + height + 4);
      all.forEach(({ key, style, values }, at) => {
        const drawn = one(key, style);
        put(drawn.line, "d", through(values.map((value, n) => [xs[n], value === null ? null : place(value)])));
        put(drawn.text, "x", String(right + 26));
        put(drawn.text, "y", (rows[at] + 4).toFixed(1));
        write(drawn.text, key);
        for (const [name_, to] of [["x1", right + 5], ["x2", right + 22], ["y1", rows[at]], ["y2", rows[at]]]) {
          put(drawn.sample, name_, String(to));
        }
      });
      for (const [key, drawn] of series) {
        if (all.some((each) => each.key === key)) continue;
        for (const each of Object.values(drawn)) each.remove();
        series.delete(key);
      }
    },
  };
}
