// Error budgets and alerts with two windows, in closed form. Times in minutes; rates as parts of all requests (0 to 1).
(() => {
  const play = (globalThis.manyHandsPlay ??= {});
  const MONTH = 30 * 24 * 60;
  const ALERTS = [
    { id: "page", factor: 14.4, long: 60, short: 5, then: "page" },
    { id: "slow", factor: 6, long: 360, short: 30, then: "page" },
    { id: "ticket", factor: 1, long: 4320, short: 360, then: "ticket" },
  ];

  // The part of failed requests in the last `window` minutes, at minute `at`, when errors last from 0 to `lasts`.
  function seen(at, window, errors, lasts) {
    const overlap = Math.min(at, lasts) - Math.max(at - window, 0);
    return (errors * Math.max(0, overlap)) / window;
  }

  function budget(allowed, errors, lasts) {
    return {
      minutes: MONTH * allowed,
      burn: errors / allowed,
      empty: errors > 0 ? (MONTH * allowed) / errors : Infinity,
      spent: (errors * lasts) / (MONTH * allowed),
    };
  }

  // When it rings (null: never) and how long it goes on after the errors have ended.
  function rings({ factor, long, short }, allowed, errors, lasts) {
    const threshold = factor * allowed;
    const after = errors >= threshold ? (threshold / errors) * long : Infinity;
    if (after > lasts) return { threshold, after: null, still: 0, stillAlone: 0 };
    const leaves = (window) => Math.max(0, window + lasts - (threshold * window) / errors - lasts);
    return { threshold, after, still: leaves(short), stillAlone: leaves(long) };
  }

  function told(minutes) {
    if (!Number.isFinite(minutes)) return "for ever";
    if (minutes < 2) return `${Math.round(minutes * 60)} s`;
    if (minutes < 120 && minutes !== 60) return `${Number(minutes.toFixed(minutes < 10 ? 1 : 0))} min`;
    if (minutes < 3000.5) return `${Number((minutes / 60).toFixed(1))} h`;
    return `${Number((minutes / 1440).toFixed(1))} days`;
  }

  Object.assign(play, { alerts: ALERTS, seen, budget, rings, told });
})();
