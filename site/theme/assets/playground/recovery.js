// RPO looks back from the failure, RTO looks forward.
(() => {
  const play = globalThis.manyHandsPlay;
  const { canvas, drawn, legend, recovery, text } = play;
  const minutes = (value) => `${value} min`;
  const hours = (value) => (value < 1 ? `${Math.round(60 * value)} min` : `${Number(value.toFixed(1))} h`);

  function timeline({ steps, lost, down }, { rto, rpo }) {
    const [left, wide, y] = [20, 600, 60];
    const scale = wide / (Math.max(lost, rpo) + Math.max(down, rto));
    const failed = left + Math.max(lost, rpo) * scale;
    let at = failed;
    const parts = steps.map(({ hours: long }, number) => {
      const from = at;
      at += long * scale;
      return drawn("rect", { class: number % 2 ? "mhp-even" : "mhp-odd", x: from, y, width: at - from, height: 34 });
    });
    const target = (from, to, words, anchor) => [
      drawn("path", { class: "mh-mark", d: `M${from} 110v12M${from} 116H${to}M${to} 110v12` }),
      text(anchor === "end" ? to : from, 140, words, { "text-anchor": anchor }),
    ];
    return canvas(
      640,
      160,
      drawn("rect", { class: "mh-hotfill", x: failed - lost * scale, y, width: lost * scale, height: 34 }),
      ...parts,
      drawn("path", { class: "mh-mark", d: `M${failed} 40V104` }),
      text(failed, 30, "failure", { "text-anchor": failed > 560 ? "end" : failed < 60 ? "start" : "middle" }),
      ...target(failed - rpo * scale, failed, `RPO ${hours(rpo)}`, "start"),
      ...target(failed, failed + rto * scale, `RTO ${hours(rto)}`, "end"),
    );
  }

  play.panel({
    controls: [
      { id: "every", label: "A backup every", min: 1, max: 24, step: 1, start: 6, shown: hours },
      {
        id: "since",
        label: "The failure comes in the interval at",
        min: 0,
        max: 100,
        step: 5,
        start: 50,
        shown: (value) => `${value} %`,
      },
      { id: "unusable", label: "Newest backups that cannot be restored", min: 0, max: 3, step: 1, start: 0 },
      { id: "notice", label: "Until somebody notices", min: 0, max: 240, step: 5, start: 15, shown: minutes },
      { id: "decide", label: "Until it is decided", min: 0, max: 120, step: 5, start: 20, shown: minutes },
      { id: "machine", label: "Until there is a machine", min: 0, max: 240, step: 5, start: 30, shown: minutes },
      { id: "restore", label: "To restore", min: 0, max: 480, step: 5, start: 40, shown: minutes },
      { id: "check", label: "To check, with traffic", min: 0, max: 60, step: 5, start: 10, shown: minutes },
      { id: "rpo", label: "RPO: at most so much is lost", min: 1, max: 48, step: 1, start: 6, shown: hours },
      { id: "rto", label: "RTO: at most so long down", min: 1, max: 12, step: 1, start: 2, shown: hours },
    ],

    run: recovery,

    draw: (seen, settings) => [
      legend([
        ["mhp-lostkey", "lost: since the last good backup"],
        ["mhp-downkey", "down: the five steps, one after the other"],
      ]),
      timeline(seen, settings),
    ],

    table: ({ steps, lost, worst, down }, { rto, rpo }) => ({
      head: ["", "takes", "promised"],
      rows: [
        ["work lost", hours(lost), `RPO ${hours(rpo)}`],
        ["work lost, at worst", hours(worst), `RPO ${hours(rpo)}`],
        ...steps.map(({ name, hours: long }) => [name, hours(long), ""]),
        ["down", hours(down), `RTO ${hours(rto)}`],
      ],
    }),

    verdict({ steps, lost, worst, down }, { rto, rpo }) {
      const longest = steps.reduce((most, step) => (step.hours > most.hours ? step : most));
      const words = [`Lost: ${hours(lost)} of work, ${lost <= rpo ? "within" : "more than"} the RPO.`];
      if (lost <= rpo && worst > rpo)
        words.push(`That was luck: just before the next backup it would be ${hours(worst)}.`);
      words.push(`Down: ${hours(down)}, ${down <= rto ? "within" : "longer than"} the RTO.`);
      if (down > rto) words.push(`The longest step is: ${longest.name}, ${hours(longest.hours)}.`);
      return words.join(" ");
    },
  });
})();
