// How fast the budget burns, which alert rings, when, and for how long.
(() => {
  const play = globalThis.manyHandsPlay;
  const { alerts, budget, chart, legend, rings, seen, told } = play;
  const POINTS = 240;
  const ERRORS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.0144, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
  const LASTS = [1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1440, 4320];
  const percent = (part) => `${Number((100 * part).toPrecision(3))} %`;
  const given = (settings) => [(100 - Number(settings.promise)) / 100, ERRORS[settings.errors], LASTS[settings.lasts]];
  const named = ({ factor, long, short }) => `${factor} over ${told(long)} and ${told(short)}`;

  play.panel({
    controls: [
      {
        id: "promise",
        label: "Promise for 30 days",
        start: "99.9",
        options: ["99", "99.5", "99.9", "99.95", "99.99"].map((one) => [one, `${one} %`]),
      },
      {
        id: "errors",
        label: "Requests that fail",
        min: 0,
        max: ERRORS.length - 1,
        step: 1,
        start: 6,
        shown: (at) => percent(ERRORS[at]),
      },
      {
        id: "lasts",
        label: "For how long",
        min: 0,
        max: LASTS.length - 1,
        step: 1,
        start: 6,
        shown: (at) => told(LASTS[at]),
      },
      { id: "alert", label: "Alert in the picture", start: "page", options: alerts.map((one) => [one.id, named(one)]) },
    ],

    run(settings) {
      const [allowed, errors, lasts] = given(settings);
      return {
        ...budget(allowed, errors, lasts),
        each: alerts.map((alert) => ({ alert, ...rings(alert, allowed, errors, lasts) })),
      };
    },

    draw(result, settings) {
      const [, errors, lasts] = given(settings);
      const { alert, threshold, after, still } = result.each.find((one) => one.alert.id === settings.alert);
      const length = Math.max(lasts * 1.1 + alert.short * 1.5, Math.min(lasts + alert.long * 1.1, lasts * 3));
      const at = (number) => (length * number) / (POINTS - 1);
      const line = (window) => Array.from({ length: POINTS }, (_, number) => seen(at(number), window, errors, lasts));
      const top = 1.1 * Math.max(errors, threshold);
      return [
        legend([
          ["mh-calmline", `the last ${told(alert.long)}`],
          ["mh-thin", `the last ${told(alert.short)}`],
          ["mh-dashed", "threshold"],
        ]),
        chart({
          top,
          ticks: [
            [0, "0"],
            [threshold, percent(threshold)],
            ...(errors > 1.25 * threshold || errors < 0.8 * threshold ? [[errors, percent(errors)]] : []),
          ],
          bands:
            after === null
              ? []
              : [{ from: after / length, to: Math.min(1, (lasts + still) / length), css: "mh-redwash" }],
          marks: [{ at: lasts / length, words: "errors end" }],
          lines: [
            { values: line(alert.short), css: "mh-thin" },
            { values: line(alert.long), css: "mh-calmline" },
            { values: line(1).map(() => threshold), css: "mh-dashed" },
          ],
          ends: ["errors begin", told(length)],
        }),
      ];
    },

    table: (result) => ({
      head: ["burn rate over", "threshold", "rings after", "goes on after the end", "without the short window", "then"],
      rows: result.each.map(({ alert, threshold, after, still, stillAlone }) => [
        named(alert),
        percent(threshold),
        after === null ? "never" : told(after),
        after === null ? "–" : told(still),
        after === null ? "–" : told(stillAlone),
        alert.then,
      ]),
    }),

    verdict(result) {
      const first = result.each.filter(({ after }) => after !== null).sort((a, b) => a.after - b.after)[0];
      const burn = Number(result.burn.toPrecision(3)).toLocaleString("en");
      const words = [
        `Burn rate ${burn}: at that pace the month's budget lasts ${told(result.empty)}.`,
        `This trouble uses ${percent(result.spent)} of it.`,
      ];
      words.push(
        first ? `The first alert, ${named(first.alert)}, rings after ${told(first.after)}.` : "No alert rings.",
      );
      return words.join(" ");
    },
  });
})();
