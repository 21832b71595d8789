// Numbers and conditions in words.

const GAP = "\u00a0";

/** A part (0 to 1) as per cent. What is not quite nothing does not read as nothing. */
export function percent(part) {
  if (part > 0 && part < 0.005) return `<1${GAP}%`;
  return `${Math.round(part * 100)}${GAP}%`;
}

/** A small part (0 to 1) with one digit behind the point. */
export function fine(part) {
  return part === 0 ? `0${GAP}%` : part < 0.1 ? `${(part * 100).toFixed(1)}${GAP}%` : percent(part);
}

/** How many in a second. */
export function perSecond(count) {
  return `${count > 0 && count < 10 ? count.toFixed(1).replace(".0", "") : Math.round(count)}/s`;
}

/** Milliseconds, as short as they can be read. */
export function millis(ms) {
  if (ms <= 0) return "–";
  if (ms < 10) return `${ms.toFixed(1)}${GAP}ms`;
  return ms < 10_000 ? `${Math.round(ms)}${GAP}ms` : `${(ms / 1000).toFixed(1)}${GAP}s`;
}

/** `1 request`, `2 requests`. */
export function count(number, one, many = `${one}s`) {
  return `${number}${GAP}${number === 1 ? one : many}`;
}

const GONE = ["down", "hung", "cut-off"];

/** A server's fair part of what is left to those that can answer: when one is gone, the others have more to do. */
export function fairNow(server, servers) {
  const left = servers.filter((one) => !GONE.includes(one.condition)).reduce((sum, one) => sum + one.fair, 0);
  return GONE.includes(server.condition) || left === 0 ? server.fair : server.fair / left;
}

/** How a server is: a word, an icon, and a tone (`calm`, `warn`, `hot`, `idle`, `off`) for its colours. */
export function judged(server, { crowded, throughput, servers }) {
  const [fair, flowing] = [fairNow(server, servers), throughput > 0];
  const exit = server.exit_code === null || server.exit_code === undefined ? "" : `, exit ${server.exit_code}`;
  if (server.condition === "down") return { tone: "off", icon: "cross", word: `down${exit}` };
  if (server.condition === "hung") return { tone: "off", icon: "pause", word: "hung" };
  if (server.condition === "cut-off") return { tone: "off", icon: "cut", word: "cut off" };
  if (server.queue > 0 && server.busy >= 0.98) return { tone: "hot", icon: "warn", word: "over capacity" };
  if (server.memory >= 0.85) return { tone: "hot", icon: "warn", word: "short of memory" };
  if (server.condition === "slow") return { tone: "warn", icon: "wait", word: "slow" };
  if (!flowing) return { tone: "idle", icon: "fine", word: "up, idle" };
  if (fair > 0 && server.share >= Math.min(0.99, crowded * fair) && fair < 0.99) {
    return { tone: "hot", icon: "warn", word: "gets too much" };
  }
  if (fair > 0 && server.share === 0) return { tone: "warn", icon: "dash", word: "gets nothing" };
  return { tone: "calm", icon: "fine", word: "healthy" };
}

/** Seconds ago, in words. */
export function ago(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole === 0) return "now";
  return whole < 60 ? `${whole}${GAP}s ago` : `${Math.floor(whole / 60)}${GAP}min ${whole % 60}${GAP}s ago`;
}

/** Whether a sentence with numbers tells something new: other words, or a number that moved by ten or more. */
export function news(before, after) {
  const numbers = /\d+(?:\.\d+)?/g;
  if (before.replace(numbers, "#") !== after.replace(numbers, "#")) return true;
  const [was, is] = [before, after].map((text) => [...text.matchAll(numbers)].map(Number));
  return is.some((number, place) => Math.abs(number - was[place]) >= 10);
}
