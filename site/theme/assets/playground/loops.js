// The same server, seen by a closed and by an open load test.
(() => {
  const play = globalThis.manyHandsPlay;
  const { chart, closed, freezeBegins, legend, open, report, testLength } = play;
  const SLICES = 200;
  const ms = (value) => `${value} ms`;
  const told = (value) => (value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`);

  // The slowest answer among the requests of each slice; where none was sent, nothing was seen.
  function worst(answers) {
    const slices = new Array(SLICES).fill(0);
    for (const { due, time } of answers) {
      const at = Math.min(SLICES - 1, Math.floor((due / testLength) * SLICES));
      slices[at] = Math.max(slices[at], time);
    }
    return slices;
  }

  play.panel({
    controls: [
      { id: "service", label: "An answer takes", min: 2, max: 50, step: 1, start: 6, shown: ms },
      { id: "freeze", label: "The server freezes for", min: 0, max: 4000, step: 250, start: 2000, shown: ms },
      { id: "workers", label: "It serves at once", min: 1, max: 8, step: 1, start: 4 },
      { id: "users", label: "Closed test: users", min: 1, max: 20, step: 1, start: 1 },
      { id: "rate", label: "Open test: requests a second", min: 10, max: 200, step: 10, start: 50 },
      { id: "seed", label: "Seed of the chance", min: 1, max: 9999, step: 1, start: 1, seed: true },
    ],

    run: (settings) => ({ closed: closed(settings), open: open(settings) }),

    draw(seen, settings) {
      const most = Math.max(1000, settings.freeze, ...[...seen.open, ...seen.closed].map(({ time }) => time));
      const top = 1.05 * most;
      return [
        legend([
          ["mh-dashed", "closed: slowest answer"],
          ["mh-calmline", "open: slowest answer"],
        ]),
        chart({
          top,
          ticks: [
            [0, "0"],
            [most / 2, told(most / 2)],
            [most, told(most)],
          ],
          bands: [
            { from: freezeBegins / testLength, to: (freezeBegins + settings.freeze) / testLength, css: "mh-redwash" },
          ],
          marks: settings.freeze ? [{ at: freezeBegins / testLength, words: "frozen" }] : [],
          lines: [
            { values: worst(seen.open), css: "mh-calmline" },
            { values: worst(seen.closed), css: "mh-dashed" },
          ],
          ends: ["when the request was due: 0 s", "10 s"],
        }),
      ];
    },

    table: (seen) => ({
      head: ["test", "requests", "slower than 500 ms", "median", "99th percentile", "slowest"],
      rows: [
        ["closed", report(seen.closed)],
        ["open", report(seen.open)],
      ].map(([name, { requests, slow, median, high, worst: last }]) => [
        name,
        requests,
        slow,
        told(median),
        told(high),
        told(last),
      ]),
    }),

    verdict(seen) {
      const [one, other] = [report(seen.closed), report(seen.open)];
      const of = ({ slow, requests, high }) =>
        `${slow} of ${requests} requests slower than half a second, 99th percentile ${told(high)}`;
      return `Closed: ${of(one)}. Open: ${of(other)}.`;
    },
  });
})();
