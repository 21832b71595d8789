// Is rollback enough? What visitors send, and what they are served in time, before and after the rollback.
(() => {
  const play = globalThis.manyHandsPlay;
  const { chart, legend, storm } = play;
  const per = (value) => `${value} a second`;

  play.panel({
    controls: [
      {
        id: "load",
        label: "Visitors (the pool can serve 100 a second)",
        min: 40,
        max: 95,
        step: 5,
        start: 80,
        shown: per,
      },
      {
        id: "left",
        label: "Capacity under the bad change",
        min: 10,
        max: 90,
        step: 1,
        start: 33,
        shown: (value) => `${value} %`,
      },
      { id: "lasts", label: "Rolled back after", min: 5, max: 120, step: 5, start: 60, shown: (value) => `${value} s` },
      {
        id: "timeout",
        label: "People give up after",
        min: 1,
        max: 10,
        step: 1,
        start: 2,
        shown: (value) => `${value} s`,
      },
      {
        id: "retries",
        label: "and try again",
        min: 0,
        max: 4,
        step: 1,
        start: 2,
        shown: (value) => ["not at all", "once", "twice", "three times", "four times"][value],
      },
      {
        id: "budget",
        label: "Budget for retries",
        start: "0",
        options: [
          ["0", "none: all are let through"],
          ["10", "10 % of visitors"],
          ["50", "50 % of visitors"],
        ],
      },
      {
        id: "queue",
        label: "Longest queue",
        start: "1000",
        options: [
          ["50", "50 requests"],
          ["150", "150 requests"],
          ["1000", "1,000 requests"],
          ["5000", "5,000 requests"],
        ],
      },
      {
        id: "after",
        label: "With the rollback",
        start: "none",
        options: [
          ["none", "nothing else"],
          ["turn", "half the visitors turned away, 30 s"],
          ["off", "retries switched off"],
          ["restart", "the queue thrown away (restart)"],
        ],
      },
    ],

    run: (settings) => storm({ ...settings, budget: Number(settings.budget), queue: Number(settings.queue) }),

    draw(seen) {
      const top = 400;
      return [
        legend([
          ["mh-calmline", "served in time"],
          ["mh-dashed", "sent, with retries"],
        ]),
        chart({
          top,
          ticks: [
            [0, "0"],
            [100, "100"],
            [200, "200"],
            [300, "300"],
            [400, "400"],
          ],
          bands: [{ from: seen.begin / seen.length, to: seen.rollback / seen.length, css: "mh-redwash" }],
          marks: [
            { at: seen.begin / seen.length, words: "change" },
            { at: seen.rollback / seen.length, words: "rollback" },
          ],
          lines: [
            { values: seen.sent, css: "mh-dashed" },
            { values: seen.good, css: "mh-calmline" },
          ],
          ends: ["start", "5 minutes"],
        }),
      ];
    },

    table: (seen) => ({
      head: ["second", "sent, with retries", "served in time", "in the queue"],
      rows: Array.from({ length: 15 }, (_, number) => 20 * number + 19).map((at) => [
        at + 1,
        ...[seen.sent, seen.good, seen.waiting].map((series) => Math.round(series[at])),
      ]),
    }),

    verdict(seen) {
      const lost = `${Math.round(seen.lost).toLocaleString("en")} visits were not served in time.`;
      if (seen.over === null) {
        return `Not enough. The rollback came, and at the end of the five minutes it is not over. ${lost}`;
      }
      if (seen.over <= 5) return `Enough: it was over ${seen.over} s after the rollback. ${lost}`;
      return `Enough, but slow: it took ${seen.over} s after the rollback. ${lost}`;
    },
  });
})();
