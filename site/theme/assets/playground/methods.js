// How a balancer chooses: for each method a function from (request, state of the servers) to the index of a server, or
// -1.
//
// State: { weights, up: [bool], open: [requests that are being served], workers: [how many each serves at once] }.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});

  // In turn, by weight, as smoothly as nginx does it: the one that is owed most goes next.
  function turns(weights) {
    const owed = weights.map(() => 0);
    return (eligible) => {
      let best = -1;
      let sum = 0;
      weights.forEach((weight, server) => {
        if (!eligible[server]) return;
        owed[server] += weight;
        sum += weight;
        if (best < 0 || owed[server] > owed[best]) best = server;
      });
      if (best >= 0) owed[best] -= sum;
      return best;
    };
  }

  const even = (state) => state.weights.map(() => 1);

  function roundRobin(state, weights = even(state)) {
    const next = turns(weights);
    return () => next(state.up);
  }

  function leastOpen(state) {
    const next = turns(state.weights);
    return () => {
      const load = state.open.map((open, server) => (state.up[server] ? open / state.weights[server] : Infinity));
      const least = Math.min(...load);
      return next(load.map((one) => one === least && least < Infinity));
    };
  }

  // Two servers drawn by their weights; the one with fewer open requests for its size gets it.
  function twoDraws(state, roll) {
    const draw = (alive) => {
      let rest = roll() * alive.reduce((sum, server) => sum + state.weights[server], 0);
      return alive.find((server) => (rest -= state.weights[server]) < 0) ?? alive.at(-1);
    };
    return () => {
      const alive = state.up.flatMap((up, server) => (up ? [server] : []));
      if (alive.length < 2) return alive[0] ?? -1;
      const first = draw(alive);
      const second = draw(alive.filter((server) => server !== first));
      return state.open[second] / state.weights[second] < state.open[first] / state.weights[first] ? second : first;
    };
  }

  function hashed(state, choose) {
    const next = turns(state.weights);
    return (client) => {
      const server = choose(client.address);
      return server < 0 ? next(state.up) : server;
    };
  }

  function consistent(state) {
    const points = play.ring(state.names, state.weights);
    return hashed(state, (address) => play.onRing(points, address, state.up));
  }

  // The first server that is not full; full is as many requests as it serves at once. If all are, they wait at the
  // first.
  function firstFree(state) {
    return () => {
      const free = state.up.findIndex((up, server) => up && state.open[server] < state.workers[server]);
      return free < 0 ? state.up.indexOf(true) : free;
    };
  }

  // A cookie names the server that answered first; whoever keeps no cookies is new each time.
  function sticky(state) {
    const next = turns(state.weights);
    const homes = new Map();
    return (client) => {
      const home = client.cookies ? homes.get(client.id) : undefined;
      if (home !== undefined && state.up[home]) return home;
      const server = next(state.up);
      if (client.cookies) homes.set(client.id, server);
      return server;
    };
  }

  play.methods = [
    { id: "turns", name: "Round robin", config: "nothing written", start: (state) => roundRobin(state) },
    { id: "weights", name: "With weights", config: "weight=", start: (state) => roundRobin(state, state.weights) },
    { id: "least", name: "Least connections", config: "least_conn", start: (state) => leastOpen(state) },
    { id: "two", name: "Two choices", config: "random two", start: (state, roll) => twoDraws(state, roll) },
    {
      id: "hash",
      name: "Source hash",
      config: "hash $remote_addr",
      start: (state) => hashed(state, (address) => play.plain(address, state.weights, state.up)),
    },
    {
      id: "networks",
      name: "Network hash",
      config: "ip_hash",
      start: (state) => hashed(state, (address) => play.networks(address, state.weights, state.up)),
    },
    { id: "consistent", name: "Consistent hash", config: "hash … consistent", start: (state) => consistent(state) },
    { id: "first", name: "First that is free", config: "balance first", start: (state) => firstFree(state) },
    { id: "sticky", name: "Sticky, by cookie", config: "cookie", start: (state) => sticky(state) },
  ];
})();
