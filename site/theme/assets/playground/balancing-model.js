// A pool under one method: who gets which request, and how long each takes. No picture, no page.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});
  const SLOWER = 10; // a server in trouble takes so many times as long

  // Who sends the next requests, as in the labs: all clients once, in an order drawn anew, before any comes again;
  // where some come more often than others, each is drawn by how often it comes.
  function visits(clients, count, roll) {
    const often = clients.map((client) => client.weight);
    const turns = [];
    if (new Set(often).size > 1) {
      const sum = often.reduce((total, weight) => total + weight, 0);
      while (turns.length < count) {
        let rest = roll() * sum;
        turns.push(often.findIndex((weight) => (rest -= weight) < 0));
      }
      return turns.map((turn) => Math.max(turn, 0));
    }
    while (turns.length < count) turns.push(...play.shuffled(clients.keys(), roll));
    return turns.slice(0, count);
  }

  // servers: [{ name, workers, page_ms, capacity }]; trouble: { kind: "none" | "dead" | "slow", server, from: request
  // }; `crowd` callers each send their next request when the last is answered. Gives { chosen: [server or -1], times:
  // [ms] }.
  function serve({ servers, clients, method, trouble, requests, crowd, seed }) {
    const roll = play.dice(seed);
    const turns = visits(clients, requests, roll);
    const state = {
      names: servers.map((server) => `${server.name}:8080`),
      weights: servers.map((server) => server.capacity),
      workers: servers.map((server) => server.workers),
      up: servers.map(() => true),
      open: servers.map(() => 0),
    };
    const choose = method.start(state, roll);
    const free = servers.map((server) => new Array(server.workers).fill(0)); // when each worker is done, ms
    const callers = Array.from({ length: crowd }, (_, caller) => ({ at: caller * 0.01, server: -1 }));
    const chosen = [];
    const times = [];
    turns.forEach((turn, number) => {
      const caller = callers.reduce((first, one) => (one.at < first.at ? one : first));
      if (caller.server >= 0) state.open[caller.server] -= 1;
      const troubled = trouble.kind !== "none" && number >= trouble.from;
      state.up[trouble.server] = !(troubled && trouble.kind === "dead");
      const server = choose({ id: turn, ...clients[turn] });
      chosen.push(server);
      caller.server = server;
      if (server < 0) {
        times.push(0);
        caller.at += 1;
        return;
      }
      state.open[server] += 1;
      const pace = troubled && trouble.kind === "slow" && server === trouble.server ? SLOWER : 1;
      const worker = free[server].indexOf(Math.min(...free[server]));
      const done = Math.max(caller.at, free[server][worker]) + servers[server].page_ms * pace * (0.8 + 0.4 * roll());
      free[server][worker] = done;
      times.push(done - caller.at);
      caller.at = done;
    });
    return { chosen, times };
  }

  // The fair share of each server: by size, and of those that are alive. One that dies on the way has a part of its
  // share.
  function fairShares(servers, trouble, count) {
    const size = servers.reduce((sum, server) => sum + server.capacity, 0);
    const lost = trouble.kind === "dead" ? servers[trouble.server].capacity : 0;
    const before = lost ? Math.min(1, trouble.from / Math.max(count, 1)) : 1;
    return servers.map((server, number) => {
      const after = lost && number === trouble.server ? 0 : server.capacity / (size - lost);
      return (before * server.capacity) / size + (1 - before) * after;
    });
  }

  // What the first `count` requests came to: the shares, the largest against its fair one, and within how many ms nine
  // of ten were answered.
  function summary(served, servers, trouble, count) {
    const counts = servers.map(() => 0);
    served.chosen.slice(0, count).forEach((server) => server >= 0 && (counts[server] += 1));
    const fair = fairShares(servers, trouble, count);
    const shares = counts.map((one) => (count ? one / count : 0));
    return {
      counts,
      shares,
      fair,
      peak: Math.max(...shares.map((share, server) => (fair[server] ? share / fair[server] : 0))),
      within: play.quantile(served.times.slice(0, count), 0.9),
    };
  }

  Object.assign(play, { visits, serve, fairShares, summary });
})();
