// The hashes of nginx, as its own source has them, so that a key meets the server here that it meets there.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});
  const TRIES = 20; // after so many servers that are down, nginx takes turns instead
  const POINTS = 160; // of a server on the ring, for each unit of its weight

  const TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
    let word = start;
    for (let bit = 0; bit < 8; bit += 1) word = word & 1 ? (word >>> 1) ^ 0xedb88320 : word >>> 1;
    return word;
  });
  const bytes = (text) => new TextEncoder().encode(text);
  const fed = (state, data) => data.reduce((word, byte) => TABLE[(word ^ byte) & 255] ^ (word >>> 8), state);
  const crc32 = (...parts) => (parts.reduce((state, part) => fed(state, part), 0xffffffff) ^ 0xffffffff) >>> 0;

  // Which of the servers a number belongs to: servers follow one another, each as long as its weight.
  function byWeight(number, weights) {
    let rest = number % weights.reduce((sum, weight) => sum + weight, 0);
    let server = 0;
    while (rest >= weights[server]) rest -= weights[server++];
    return server;
  }

  // `hash KEY;` → index of a server, or -1 when nginx gives up. `up[i]` tells whether a server may be chosen.
  function plain(key, weights, up) {
    let sum = 0;
    for (let tried = 0; tried <= TRIES; tried += 1) {
      const word = tried ? crc32(bytes(String(tried)), bytes(key)) : crc32(bytes(key));
      sum += (word >>> 16) & 0x7fff;
      const server = byWeight(sum, weights);
      if (up[server]) return server;
    }
    return -1;
  }

  // `ip_hash;`: the first three numbers of the address, and nothing else.
  function networks(address, weights, up) {
    const parts = address.split(".").slice(0, 3).map(Number);
    let word = 89;
    for (let tried = 0; tried <= TRIES; tried += 1) {
      for (const part of parts) word = (word * 113 + part) % 6271;
      const server = byWeight(word, weights);
      if (up[server]) return server;
    }
    return -1;
  }

  // The ring of `hash KEY consistent;`: [{ at, server }] in order. nginx puts a server at 160 places (`each`). `names`
  // are written as in the config: "app1:8080".
  function ring(names, weights, each = POINTS) {
    const points = [];
    names.forEach((name, server) => {
      const [host, port = ""] = name.split(":");
      const base = fed(fed(fed(0xffffffff, bytes(host)), [0]), bytes(port));
      let before = 0;
      for (let point = 0; point < each * weights[server]; point += 1) {
        const last = [before & 255, (before >>> 8) & 255, (before >>> 16) & 255, before >>> 24];
        before = (fed(base, last) ^ 0xffffffff) >>> 0;
        points.push({ at: before, server });
      }
    });
    return points.sort((a, b) => a.at - b.at).filter((point, index, all) => !index || all[index - 1].at !== point.at);
  }

  // The next point of the ring whose server may be chosen, from the key clockwise; -1 if there is none.
  function onRing(points, key, up) {
    const word = crc32(bytes(key));
    let [low, high] = [0, points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle].at < word) low = middle + 1;
      else high = middle;
    }
    for (let step = 0; step < points.length; step += 1) {
      const { server } = points[(low + step) % points.length];
      if (up[server]) return server;
    }
    return -1;
  }

  Object.assign(play, { crc32: (text) => crc32(bytes(text)), plain, networks, ring, onRing });
})();
