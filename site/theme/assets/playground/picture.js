// Pictures that are drawn from numbers. What they show is always also said in words and in a table beside them.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});

  // An element with attributes and children; with `svg`, of a picture.
  function made(tag, attributes = {}, ...children) {
    const one = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== undefined) one.setAttribute(name, value);
    one.append(...children);
    return one;
  }

  function drawn(tag, attributes = {}, ...children) {
    const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== undefined) one.setAttribute(name, value);
    one.append(...children);
    return one;
  }

  // Hidden from a screen reader: it would read numbers without their meaning, and the table has both.
  const canvas = (wide, high, ...children) =>
    drawn(
      "svg",
      { class: "mh-fig", viewBox: `0 0 ${wide} ${high}`, "aria-hidden": "true", focusable: "false" },
      ...children,
    );

  const text = (x, y, words, attributes = {}) => drawn("text", { x, y, class: "mh-s", ...attributes }, words);

  // Shares as bars, with a tick where the fair share is. rows: [{ name, share, fair }]
  function bars(rows) {
    const [left, long, row] = [46, 106, 24];
    return canvas(
      200,
      row * rows.length + 4,
      ...rows.flatMap(({ name, share, fair }, number) => {
        const y = number * row;
        const hot = share > 1.5 * fair && share > 0;
        return [
          text(0, y + 16, name),
          drawn("rect", { class: "mh-track", x: left, y: y + 6, width: long, height: 10, rx: 3 }),
          drawn("rect", {
            class: hot ? "mh-hotfill" : "mh-okfill",
            x: left,
            y: y + 6,
            width: (long * share).toFixed(1),
            height: 10,
            rx: 3,
          }),
          drawn("path", { class: "mh-mark", d: `M${(left + long * fair).toFixed(1)} ${y + 3}v16` }),
          text(200, y + 16, `${Math.round(100 * share)} %`, { "text-anchor": "end" }),
        ];
      }),
    );
  }

  // Lines over time. lines: [{ values: [y], css, dashed }], all as long as each other; marks: [{ at: 0..1, words }].
  function chart({ lines, top, ticks, marks = [], bands = [], ends }) {
    const [wide, high, left, base] = [640, 250, 64, 206];
    const x = (part) => left + part * (wide - left - 8);
    const y = (value) => base - (Math.min(value, top) / top) * (base - 26);
    const path = (values) =>
      values
        .map((value, at) => `${at ? "L" : "M"}${x(at / (values.length - 1)).toFixed(1)} ${y(value).toFixed(1)}`)
        .join("");
    return canvas(
      wide,
      high,
      ...bands.map(({ from, to, css }) =>
        drawn("rect", { class: css, x: x(from), y: 26, width: Math.max(0, x(to) - x(from)), height: base - 26 }),
      ),
      ...ticks.flatMap(([value, words]) => [
        drawn("path", { class: "mh-grid", d: `M${left} ${y(value)}H${wide - 8}` }),
        text(left - 8, y(value) + 4, words, { "text-anchor": "end" }),
      ]),
      ...marks.flatMap(({ at, words, row = 0 }) => [
        drawn("path", { class: "mh-tick", d: `M${x(at)} 20V${base}` }),
        text(x(at), 14 + row * 15, words, { "text-anchor": at > 0.8 ? "end" : at < 0.1 ? "start" : "middle" }),
      ]),
      ...lines.map(({ values, css }) => drawn("path", { class: css, d: path(values), fill: "none" })),
      text(left, base + 22, ends[0]),
      text(wide - 8, base + 22, ends[1], { "text-anchor": "end" }),
    );
  }

  // What the lines of a chart mean; a line's look is told with a piece of it.
  function legend(entries) {
    return made(
      "p",
      { class: "mhp-legend" },
      ...entries.map(([css, words]) =>
        made(
          "span",
          {},
          drawn(
            "svg",
            { class: "mh-fig", viewBox: "0 0 28 8", "aria-hidden": "true" },
            drawn("path", { class: css, d: "M1 4H27" }),
          ),
          words,
        ),
      ),
    );
  }

  Object.assign(play, { made, drawn, canvas, text, bars, chart, legend });
})();
