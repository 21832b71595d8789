// A server comes or goes: how many keys move?
(() => {
  const play = globalThis.manyHandsPlay;
  const { canvas, change, drawn, made, scenarios, text } = play;
  const TURN = 2 ** 32;
  const keysOf = (name) => scenarios.crowds.find(({ id }) => id === name).clients.map(([address]) => address);
  const short = (name) => name.replace(":8080", "");

  // The ring as arcs; those of the server that comes or goes stand out.
  function circle(names, changed, points) {
    const [middle, radius] = [120, 96];
    const ring = play.ring(
      names,
      names.map(() => 1),
      points,
    );
    const spot = (at) => {
      const angle = (2 * Math.PI * at) / TURN - Math.PI / 2;
      return `${(middle + radius * Math.cos(angle)).toFixed(2)} ${(middle + radius * Math.sin(angle)).toFixed(2)}`;
    };
    const arcs = ring.flatMap(({ at, server }, number) => {
      if (names[server] !== changed) return [];
      const from = number ? ring[number - 1].at : ring.at(-1).at - TURN;
      return [`M${spot(from)}A${radius} ${radius} 0 ${at - from > TURN / 2 ? 1 : 0} 1 ${spot(at)}`];
    });
    return canvas(
      240,
      240,
      drawn("circle", { class: "mh-ring", cx: middle, cy: middle, r: radius }),
      drawn("path", { class: "mh-ring4", d: arcs.join("") }),
      text(middle, middle - 2, short(changed), { "text-anchor": "middle", class: "mh-b" }),
      text(middle, middle + 18, `${arcs.length} arcs of ${ring.length}`, { "text-anchor": "middle" }),
    );
  }

  play.panel({
    controls: [
      { id: "count", label: "Servers before", min: 2, max: 10, step: 1, start: 4 },
      {
        id: "change",
        label: "What happens",
        start: "leaves",
        options: [
          ["leaves", "the last one leaves"],
          ["first", "the first one leaves"],
          ["joins", "one more joins"],
        ],
      },
      {
        id: "keys",
        label: "Keys",
        start: "many",
        options: [
          ["many", "1,000 addresses"],
          ["subnet", "250 of one network"],
          ["few", "five addresses"],
        ],
      },
      { id: "points", label: "Places of a server on the ring (nginx: 160)", min: 1, max: 160, step: 1, start: 160 },
    ],

    run: (settings) => change({ ...settings, keys: keysOf(settings.keys) }),

    draw(ways, settings) {
      const keys = keysOf(settings.keys).length;
      const rows = ways.map(({ name, moved, own }, number) => {
        const y = 52 * number;
        return [
          text(0, y + 16, name),
          drawn("rect", { class: "mh-track", x: 0, y: y + 24, width: 240, height: 12, rx: 4 }),
          drawn("rect", {
            class: moved > 1.5 * own ? "mh-hotfill" : "mh-okfill",
            x: 0,
            y: y + 24,
            width: (240 * moved) / keys,
            height: 12,
            rx: 4,
          }),
          drawn("path", { class: "mh-mark", d: `M${(240 * own) / keys} ${y + 20}v20` }),
          text(300, y + 35, `${Math.round((100 * moved) / keys)} %`, { "text-anchor": "end" }),
        ];
      });
      const names = ways[0].names;
      return [
        made(
          "div",
          { class: "mhp-two" },
          circle(names, ways[0].changed, settings.points),
          canvas(300, 160, ...rows.flat()),
        ),
      ];
    },

    table: (ways) => ({
      head: [
        "method",
        "keys that move",
        "had to move",
        ...ways[0].names.map((name) => `${short(name)}, before → after`),
      ],
      rows: ways.map(({ name, moved, own, sharesBefore, sharesAfter }) => [
        name,
        moved,
        own,
        ...sharesBefore.map((share, at) => `${Math.round(100 * share)} → ${Math.round(100 * sharesAfter[at])} %`),
      ]),
    }),

    verdict(ways, settings) {
      const keys = keysOf(settings.keys).length;
      const part = (count) => `${Math.round((100 * count) / keys)} %`;
      const ring = ways.at(-1);
      const largest = Math.max(...(settings.change === "joins" ? ring.sharesAfter : ring.sharesBefore));
      const verb = settings.change === "joins" ? "joins" : "leaves";
      const moves = ways.map(({ name, moved }) => `${part(moved)} (${name})`).join(", ");
      const most = `On the ring the largest share is ${Math.round(100 * largest)} %.`;
      return `${short(ring.changed)} ${verb}. Keys that move: ${moves}. ${most}`;
    },
  });
})();
