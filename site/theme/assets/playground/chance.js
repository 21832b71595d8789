// Chance that can be had again: the same seed gives the same numbers, in every browser.
//
// All files of the playground are classic scripts: a browser refuses modules on a page that was opened as a file, and
// the course must also be readable without a server. Each hands on its functions under one name, `manyHandsPlay`.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});

  // Numbers from 0 to 1, without 1 (mulberry32).
  function dice(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let word = Math.imul(state ^ (state >>> 15), state | 1);
      word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
      return ((word ^ (word >>> 14)) >>> 0) / 4294967296;
    };
  }

  function shuffled(list, roll) {
    const mixed = [...list];
    for (let last = mixed.length - 1; last > 0; last -= 1) {
      const other = Math.floor(roll() * (last + 1));
      [mixed[last], mixed[other]] = [mixed[other], mixed[last]];
    }
    return mixed;
  }

  // The value that the part `part` (0 to 1) of all values does not exceed; 0 of none.
  function quantile(values, part) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted.length ? sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))] : 0;
  }

  Object.assign(play, { dice, shuffled, quantile });
})();
