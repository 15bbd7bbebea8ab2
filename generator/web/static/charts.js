// Charts of the page of an SLO, from the JSON in the page.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("chart-data").textContent);
  const charts = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const percent = (value) => (value == null ? "–" : `${(value * 100).toPrecision(3) * 1} %`);
  const number = (value) => (value == null ? "–" : `${+value.toPrecision(3)}`);

  // Shades the times during which alerts fire.
  const shadeEpisodes = (chart) => {
    const { ctx, bbox } = chart;
    ctx.save();
    for (const episode of data.episodes) {
      const left = Math.max(chart.valToPos(episode.start, "x", true), bbox.left);
      const right = Math.min(chart.valToPos(episode.end, "x", true), bbox.left + bbox.width);
      ctx.globalAlpha = 0.16;
      ctx.fillStyle = colour(episode.page ? "--red" : "--amber");
      ctx.fillRect(left, bbox.top, Math.max(right - left, 2), bbox.height);
    }
    ctx.restore();
  };

  const drawLines = (chart, lines) => {
    // A label that would lie on another one is left out; the table below the charts has them all.
    let free = Infinity;
    for (const line of [...lines].sort((a, b) => a.value - b.value)) {
      const y = chart.valToPos(line.value, "y", true);
      const fits = y < free - 13 * devicePixelRatio;
      drawLine(chart, line.value, fits ? line.label : "", line.tone || "--amber");
      if (fits) free = y;
    }
  };

  const drawLine = (chart, value, label, tone) => {
    const { ctx, bbox } = chart;
    const y = chart.valToPos(value, "y", true);
    if (!(y >= bbox.top && y <= bbox.top + bbox.height)) return;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour(tone);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    ctx.fillText(label, bbox.left + 4 * devicePixelRatio, y - 2 * devicePixelRatio);
    ctx.restore();
  };

  const draw = (id, series, format, { lines = [], bars = false, low, high } = {}) => {
    const place = document.getElementById(id);
    const known = series.filter((each) => each.values.some((value) => value != null));
    if (!place) return;
    if (!known.length) {
      place.textContent = "Nothing is recorded in this time.";
      place.style.minHeight = "0";
      return;
    }
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--track") }, ticks: { stroke: colour("--track") } };
    const paths = bars ? uPlot.paths.bars({ size: [0.9, 60], align: -1 }) : undefined;
    const tones = bars && known.length > 1 ? ["--bar", "--red"] : ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
    let values = known.map((each) => each.values);
    // The bad events are drawn at the bottom, in front of all events.
    if (bars && known.length > 1) {
      values = [values[0].map((good, i) => (good == null ? null : good + (values[1][i] || 0))), values[1]];
    }
    const options = {
      width: place.clientWidth,
      height: 230,
      scales: { y: { range: (u, min, max) => {
        const top = Math.max(high ?? -Infinity, max), bottom = Math.min(low ?? Infinity, min);
        return top > bottom ? [bottom, top + (top - bottom) * 0.06] : [bottom - 0.5, top + 0.5];
      } } },
      axes: [
        { ...axis, values: (u, ticks, a, b, gap) => ticks.map((at) => label(at, gap)) },
        { ...axis, size: 62, values: (u, ticks) => ticks.map(format) },
      ],
      legend: { live: true },
      cursor: { drag: { x: false, y: false } },
      series: [
        { label: "time", value: (u, at) => (at == null ? "–" : `${new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ")}`) },
        ...known.map((each, i) => ({
          label: each.label,
          stroke: colour(each.dash ? "--dim" : tones[i % tones.length]),
          fill: bars ? colour(tones[i % tones.length]) : undefined,
          width: bars ? 0 : 1.6,
          dash: each.dash ? [5, 5] : undefined,
          paths,
          points: { show: !bars && each.values.filter((value) => value != null).length < 3 },
          value: (u, value, s, at) => format(bars && i === 0 && known.length > 1 && at != null ? each.values[at] : value),
        })),
      ],
      hooks: {
        drawClear: [shadeEpisodes],
        draw: [(chart) => drawLines(chart, lines)],
      },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
    };
    charts.push({ place, plot: new uPlot(options, [data.times, ...values], place) });
  };

  const label = (at, gap) => {
    const text = new Date(at * 1000).toISOString();
    return gap >= 86400 || at % 86400 === 0 ? text.slice(5, 10) : text.slice(11, 16);
  };

  const drawAll = () => {
    for (const { plot } of charts.splice(0)) plot.destroy();
    // A threshold far above all values would flatten them.
    const highest = Math.max(2, ...data.burn.flatMap((each) => each.values.filter((value) => value != null)));
    const lines = data.thresholds.filter((each) => each.value <= highest * 1.5);
    draw("chart-budget", data.budget, percent, { high: 1, low: 0, lines: [{ value: 0, label: "", tone: "--red" }] });
    draw("chart-burn", data.burn, number, { low: 0, high: Math.max(2, ...lines.map((each) => each.value)), lines });
    draw("chart-events", data.events, number, { low: 0, bars: true });
    draw("chart-spent", data.spent, percent, { low: 0, bars: true });
    draw("chart-latency", data.latency, number, {
      low: 0,
      high: data.latencyTarget ?? undefined,
      lines: data.latencyTarget == null ? [] : [{ value: data.latencyTarget, label: "target" }],
    });
  };

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => charts.forEach(({ place, plot }) => plot.setSize({ width: place.clientWidth, height: 230 })), 100);
  });
})();
