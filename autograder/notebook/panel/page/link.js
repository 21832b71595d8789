// The wire: says to the kernel whether anybody looks, keeps the newest frame, and notices when the kernel falls silent.

const EVERY_MS = 1000;
const SAY_AGAIN_MS = 10_000;
const QUIET_MS = 5000;
const STOPPED_MS = 15_000;

/** What a change makes of a frame: a new frame, whose unchanged parts are the old one's. */
export function merged(frame, change) {
  const next = { ...frame, ...change.set };
  for (const [name, { lost, kept, add }] of Object.entries(change.grow)) {
    next[name] = [...frame[name].slice(lost, lost + kept), ...add];
  }
  return next;
}

/**
 * Join a view to its model. `heard(frame, before)` is called at most once for each picture the browser paints, with the
 * frame shown before (null at first); `silence(state)` with `quiet`, `stopped` or `` when that changes.
 * Returns `ask(command, words)`, whether that could be sent (what comes of it shows in frames), and `leave()`.
 */
export function join(model, node, heard, silence) {
  const view = Math.random().toString(36).slice(2);
  let [frame, painted, waiting, state, looking] = [null, null, 0, "", false];
  let [last, said, looked, woke] = [performance.now(), 0, -Infinity, Date.now()];

  function send(content) {
    try {
      model.send({ ...content, view });
      return true;
    } catch {
      return false; // the kernel has gone; its silence is told soon
    }
  }

  function paint() {
    waiting = 0;
    if (frame === null || frame === painted) return;
    heard(frame, painted);
    painted = frame;
  }

  function listen(message) {
    if (message?.kind === "whole") {
      frame = { ...message.frame, crowded: message.crowded };
    } else if (message?.kind === "change") {
      if (frame === null || frame.number !== message.since) {
        // Another view's, or one was lost: ask, but not again for each that comes until the answer is here.
        if (performance.now() - looked > EVERY_MS) look();
        return;
      }
      frame = merged(frame, message);
    } else {
      return;
    }
    last = performance.now();
    tell("");
    // A hidden page paints nothing, but what it holds stays up to date.
    waiting ||= requestAnimationFrame(paint);
  }

  function tell(now) {
    if (now === state) return;
    state = now;
    silence(now);
  }

  function look() {
    said = looked = performance.now();
    send({ kind: "look" });
  }

  function shown() {
    return document.visibilityState === "visible" && node.isConnected && node.getClientRects().length > 0;
  }

  function attend() {
    const was = looking;
    looking = shown();
    if (looking && !was) {
      last = performance.now();
      look();
    } else if (was && !looking) {
      send({ kind: "away" });
    }
  }

  function beat() {
    const slept = Date.now() - woke > 5 * EVERY_MS; // a laptop that was closed, or a tab that was frozen
    woke = Date.now();
    attend();
    if (!looking) return;
    if (slept) {
      last = performance.now();
      look();
    }
    const silent = performance.now() - last;
    const over = frame?.phase === "closed";
    tell(silent < QUIET_MS || over ? "" : silent < STOPPED_MS ? "quiet" : "stopped");
    if (performance.now() - said > (state ? QUIET_MS : SAY_AGAIN_MS)) {
      said = performance.now();
      send({ kind: state ? "look" : "here" });
    }
  }

  const watch = new IntersectionObserver(attend);
  const clock = setInterval(beat, EVERY_MS);
  model.on("msg:custom", listen);
  document.addEventListener("visibilitychange", attend);
  watch.observe(node);

  return {
    ask(command, words = {}) {
      return send({ kind: "do", command, words });
    },
    leave() {
      send({ kind: "away" });
      clearInterval(clock);
      cancelAnimationFrame(waiting);
      watch.disconnect();
      document.removeEventListener("visibilitychange", attend);
      model.off("msg:custom", listen);
    },
  };
}
