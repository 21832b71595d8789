// A queue, people who give up, and people who try again. Amounts flow; nothing here is left to chance.
//
// Requests wait in one queue, first come, first served. Whoever has waited for `timeout` seconds gives up, and may try
// again a second later. The server does not know: it works on what was given up all the same, and that work is for
// nothing.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});
  const STEP = 0.1; // s
  const PAUSE = 1; // s before somebody tries again
  const RATE = 100; // requests a second that the pool can serve when all is well
  const BEGIN = 30; // s, when the bad change goes live
  const LONG = 300; // s, what is looked at
  const WELL = 0.95; // of all visitors served: it is over

  const AFTER = {
    none: { length: 0, visitors: 1, retries: true },
    turn: { length: 30, visitors: 0.5, retries: true },
    off: { length: LONG, visitors: 1, retries: false },
    restart: { length: 0, visitors: 1, retries: true, empty: true },
  };

  // load: visitors a second; left: part of the capacity under the bad change; lasts, timeout: seconds; queue: requests;
  // budget: retries as a percentage of visitors, 0 for no limit. Gives series by the second { good, sent, waiting } and
  // when it was over, in seconds after the rollback (null: not yet).
  function storm({ load, retries, timeout, queue, budget, left, lasts, after }) {
    const rollback = BEGIN + lasts;
    const aid = AFTER[after];
    const line = []; // { at, amount, attempt, late }: all who came to wait, the oldest first
    let [head, intime] = [0, 0]; // the first that still waits; the first that has not given up
    let waiting = 0;
    const coming = new Map(); // step → [{ amount, attempt }]: who will try again
    let allowance = 0;
    const seconds = { good: [], sent: [], waiting: [] };
    let [good, sent] = [0, 0];

    for (let step = 0; step < LONG / STEP; step += 1) {
      const now = step * STEP;
      const aided = now >= rollback && now < rollback + aid.length;
      const fresh = load * STEP * (aided ? aid.visitors : 1);
      allowance = Math.min(allowance + fresh * (budget / 100), load * (budget / 100));

      const again = (amount, attempt) => {
        const some = attempt > retries || (aided && !aid.retries) ? 0 : budget ? Math.min(amount, allowance) : amount;
        if (some <= 1e-9) return;
        if (budget) allowance -= some;
        const due = step + Math.round(PAUSE / STEP);
        coming.set(due, [...(coming.get(due) ?? []), { amount: some, attempt: attempt + 1 }]);
      };

      if (aid.empty && Math.abs(now - rollback) < STEP / 2) {
        for (const { amount, attempt } of line.slice(intime)) again(amount, attempt); // they see an error
        head = intime = line.length;
        waiting = 0;
      }
      const arriving = [{ amount: fresh, attempt: 1 }, ...(coming.get(step) ?? [])];
      coming.delete(step);
      const total = arriving.reduce((sum, { amount }) => sum + amount, 0);
      const room = Math.min(1, Math.max(0, queue - waiting) / total);
      for (const { amount, attempt } of arriving) {
        if (room > 0) line.push({ at: now, amount: amount * room, attempt, late: false });
        if (room < 1) again(amount * (1 - room), attempt); // the queue is full: refused at once
      }
      waiting += total * room;
      sent += total;

      let power = RATE * STEP * (now >= BEGIN && now < rollback ? left / 100 : 1);
      while (power > 1e-9 && head < line.length) {
        const first = line[head];
        const done = Math.min(power, first.amount);
        power -= done;
        first.amount -= done;
        waiting -= done;
        if (!first.late) good += done;
        if (first.amount <= 1e-9) head += 1;
      }
      for (intime = Math.max(intime, head); intime < line.length && now - line[intime].at >= timeout; intime += 1) {
        line[intime].late = true;
        again(line[intime].amount, line[intime].attempt);
      }
      if ((step + 1) % Math.round(1 / STEP) === 0) {
        seconds.good.push(good);
        seconds.sent.push(sent);
        seconds.waiting.push(waiting);
        [good, sent] = [0, 0];
      }
    }
    const bad = seconds.good.findLastIndex((one) => one < WELL * load);
    const over = bad + 1 >= LONG ? null : Math.max(0, bad + 1 - rollback);
    const lost = seconds.good.reduce((sum, one) => sum + Math.max(0, load - one), 0);
    return { ...seconds, begin: BEGIN, rollback, over, lost, rate: RATE, length: LONG };
  }

  Object.assign(play, { storm });
})();
