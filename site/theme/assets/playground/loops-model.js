// One server that freezes, and two load tests that look at it. Times in ms.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});
  const LENGTH = 10_000; // of each test
  const FREEZE = 4_000; // when the freeze begins

  // When a request is done that begins to be served at `start`: nothing goes on while the server is frozen.
  function done(start, service, freeze) {
    if (start < FREEZE + freeze && start + service > FREEZE) {
      return Math.max(start, FREEZE) === start ? FREEZE + freeze + service : start + service + freeze;
    }
    return start + service;
  }

  // `next(last)` → when the next request is due, or null at the end. `last` is when the caller's one before was
  // answered.
  function test(workers, service, freeze, roll, dues) {
    const free = new Array(workers).fill(0);
    const answers = [];
    for (let due = dues.first(); due !== null; due = dues.next(answers)) {
      const worker = free.indexOf(Math.min(...free));
      const end = done(Math.max(due, free[worker]), service * (0.8 + 0.4 * roll()), freeze);
      free[worker] = end;
      answers.push({ due, time: end - due });
    }
    return answers;
  }

  // A fixed number of users: each sends the next request when the last is answered.
  function closed({ users, workers, service, freeze, seed }) {
    const ready = new Array(users).fill(0);
    let turn = 0;
    return test(workers, service, freeze, play.dice(seed), {
      first: () => 0,
      next(answers) {
        const { due, time } = answers.at(-1);
        ready[turn] = due + time;
        turn = ready.indexOf(Math.min(...ready));
        return ready[turn] < LENGTH ? ready[turn] : null;
      },
    });
  }

  // So many a second, whatever happens.
  function open({ rate, workers, service, freeze, seed }) {
    const gap = 1000 / rate;
    return test(workers, service, freeze, play.dice(seed), {
      first: () => 0,
      next: (answers) => (answers.length * gap < LENGTH ? answers.length * gap : null),
    });
  }

  function report(answers) {
    const times = answers.map(({ time }) => time);
    return {
      requests: times.length,
      slow: times.filter((time) => time > 500).length,
      median: play.quantile(times, 0.5),
      high: play.quantile(times, 0.99),
      worst: Math.max(...times),
    };
  }

  Object.assign(play, { closed, open, report, testLength: LENGTH, freezeBegins: FREEZE });
})();
