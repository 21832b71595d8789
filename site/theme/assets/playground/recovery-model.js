// A machine is lost: how much is gone, and how long it takes. Times in hours.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});

  // every: hours between backups; since: part of that interval (0 to 100 %) that has passed; unusable: newest backups
  // that cannot be restored; notice, decide, machine, restore, check: minutes, one after the other.
  function recovery({ every, since, unusable, notice, decide, machine, restore, check }) {
    const steps = [
      ["notice", notice],
      ["decide", decide],
      ["new machine", machine],
      ["restore", restore],
      ["check", check],
    ].map(([name, minutes]) => ({ name, hours: minutes / 60 }));
    const lost = every * (since / 100 + unusable);
    return { steps, lost, worst: every * (1 + unusable), down: steps.reduce((sum, { hours }) => sum + hours, 0) };
  }

  Object.assign(play, { recovery });
})();
