// Nine methods side by side, with the clients and the pools of the labs.
(() => {
  const play = globalThis.manyHandsPlay;
  const { made, bars, scenarios, methods, serve, summary } = play;
  const REQUESTS = 600;
  const HOT = 1.5; // times its fair share on one server: worth a word
  const NAMES = {
    many: "many: 1,000 addresses",
    office: "one NAT: everybody behind one address",
    subnet: "one company network",
    few: "few: five clients",
    "behind-cdn": "everybody behind a CDN",
    zipf: "fifty, some far busier",
  };

  const poolOf = ({ pool }) => scenarios.pools.find((one) => one.id === pool);
  const crowdOf = ({ clients }) => scenarios.crowds.find((one) => one.id === clients);
  const listed = (words) =>
    words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

  function troubleOf({ trouble, since }) {
    const [kind, server = "0"] = trouble.split("-");
    return { kind, server: Number(server), from: since === "half" ? REQUESTS / 2 : 0 };
  }

  play.panel({
    controls: [
      { id: "clients", label: "Who comes", options: scenarios.crowds.map(({ id }) => [id, NAMES[id]]), start: "many" },
      {
        id: "pool",
        label: "Servers of the lab",
        options: scenarios.pools.map(({ id, title }) => [id, title]),
        start: scenarios.pools[0].id,
      },
      (settings) => ({
        id: "trouble",
        label: "Trouble",
        start: "none",
        options: [
          ["none", "all servers are well"],
          ...poolOf(settings).servers.flatMap(({ name }, number) => [
            [`dead-${number}`, `${name} dies`],
            [`slow-${number}`, `${name} is ten times slower`],
          ]),
        ],
      }),
      {
        id: "since",
        label: "Trouble begins",
        options: [
          ["start", "at the start"],
          ["half", "half-way"],
        ],
        start: "start",
      },
      { id: "crowd", label: "Requests at a time", min: 1, max: 40, step: 1, start: 8 },
      { id: "seed", label: "Seed of the chance", min: 1, max: 9999, step: 1, start: 1, seed: true },
      { id: "shown", label: "Requests so far", min: 0, max: REQUESTS, step: 10, start: REQUESTS },
    ],
    walk: { id: "shown", by: 10, words: "Ten more" },

    run(settings) {
      const clients = crowdOf(settings).clients.map(([address, cookies, weight]) => ({
        address,
        cookies: cookies === 1,
        weight,
      }));
      const { servers } = poolOf(settings);
      const trouble = troubleOf(settings);
      return methods.map((method) => ({
        method,
        served: serve({
          servers,
          clients,
          method,
          trouble,
          requests: REQUESTS,
          crowd: settings.crowd,
          seed: settings.seed,
        }),
      }));
    },

    draw(runs, settings) {
      const { servers } = poolOf(settings);
      const cards = runs.map(({ method, served }) => {
        const { shares, fair, peak, within } = summary(served, servers, troubleOf(settings), settings.shown);
        return made(
          "div",
          { class: "mhp-card" },
          made("p", {}, made("strong", {}, method.name), " ", made("code", {}, method.config)),
          bars(servers.map(({ name }, number) => ({ name, share: shares[number], fair: fair[number] }))),
          made(
            "p",
            { class: "mhp-note" },
            `peak-to-fair ${peak.toFixed(2)}, nine of ten within ${within.toFixed(0)} ms`,
          ),
        );
      });
      return [made("div", { class: "mhp-cards" }, ...cards)];
    },

    table(runs, settings) {
      const { servers } = poolOf(settings);
      return {
        head: ["method", ...servers.map(({ name }) => name), "peak-to-fair", "nine of ten within"],
        rows: runs.map(({ method, served }) => {
          const { counts, peak, within } = summary(served, servers, troubleOf(settings), settings.shown);
          return [method.name, ...counts, peak.toFixed(2), `${within.toFixed(0)} ms`];
        }),
      };
    },

    verdict(runs, settings) {
      const { servers } = poolOf(settings);
      if (settings.shown === 0) return "No request yet. Predict, then go on.";
      const seen = runs.map(({ method, served }) => ({
        method,
        ...summary(served, servers, troubleOf(settings), settings.shown),
      }));
      const hot = seen.filter(({ peak }) => peak >= HOT);
      const quick = Math.min(...seen.map(({ within }) => within));
      const worst = seen.filter(({ within }) => within >= 3 * quick);
      const peaks = hot.map(({ method, peak }) => `${method.name} (${peak.toFixed(1)})`);
      const words = [`${settings.shown} requests, ${crowdOf(settings).described}.`];
      words.push(
        hot.length
          ? `One server has ${HOT} times its fair share or more with: ${listed(peaks)}.`
          : "No method gives any server more than 1.5 times its fair share.",
      );
      if (worst.length)
        words.push(`Three times slower than the quickest, or more: ${listed(worst.map(({ method }) => method.name))}.`);
      return words.join(" ");
    },
  });
})();
