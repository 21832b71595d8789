// Which keys move when a server comes or goes: with a remainder, with a remainder and `down`, and on a ring.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});

  const named = (count) => Array.from({ length: count }, (_, number) => `app${number + 1}:8080`);
  const moved = (before, after) => before.filter((home, key) => home !== after[key]).length;

  // count: servers before; change: "leaves" (the last), "first" (the first leaves) or "joins" (one more at the end).
  // Gives, for each way, the name of each key's home before and after, and how many keys had to move at least.
  function change({ keys, count, change: what, points }) {
    const before = named(count);
    const after =
      what === "joins" ? named(count + 1) : before.filter((_, at) => at !== (what === "first" ? 0 : count - 1));
    const gone = what === "joins" ? -1 : what === "first" ? 0 : count - 1;
    const ones = (names) => names.map(() => 1);
    const all = (names) => names.map(() => true);
    const plain = (names, up = all(names)) => keys.map((key) => names[play.plain(key, ones(names), up)]);
    const onRing = (names) => {
      const ring = play.ring(names, ones(names), points);
      return keys.map((key) => names[play.onRing(ring, key, all(names))]);
    };
    const ways = [
      {
        id: "plain",
        name: what === "joins" ? "hash, line added" : "hash, line deleted",
        before: plain(before),
        after: plain(after),
      },
      ...(gone < 0
        ? []
        : [
            {
              id: "down",
              name: "hash, line marked down",
              before: plain(before),
              after: plain(
                before,
                before.map((_, at) => at !== gone),
              ),
            },
          ]),
      { id: "ring", name: "consistent hash", before: onRing(before), after: onRing(after) },
    ];
    const changed = what === "joins" ? after.at(-1) : before[gone];
    return ways.map((way) => {
      const names = what === "joins" ? after : before;
      const shares = (homes) => names.map((name) => homes.filter((home) => home === name).length / keys.length);
      const own = (what === "joins" ? way.after : way.before).filter((home) => home === changed).length;
      return {
        ...way,
        names,
        changed,
        moved: moved(way.before, way.after),
        own,
        sharesBefore: shares(way.before),
        sharesAfter: shares(way.after),
      };
    });
  }

  Object.assign(play, { change });
})();
