// Draws the numbers of one chart with uPlot. Its colours and strokes are those of the stylesheet, as the server's drawing has them.
import { minuteAt } from "./clock.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

const TOP = 8, AXIS = 20, GAP = 4; // px: half a label above, the times below
const SIDE = 3.25; // rem: the axis of values, as wide as that of the server's drawing
const QUARTER = 900; // seconds

/** Begin to draw into `host`; `onCursor()` is called whenever the cursor stands elsewhere. */
export function draw(host, numbers, onCursor) {
  const now = { numbers };
  const ink = inks(host);
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const axis = {
    stroke: () => getComputedStyle(host).color,
    font: `${Math.round(parseFloat(getComputedStyle(host).fontSize))}px ${getComputedStyle(host).fontFamily}`,
    ticks: { show: false },
  };
  /** A label there would meet that of the other axis, or leave the panel. */
  const isAtAnEdge = (seconds) => {
    const [from, to] = edges(now.numbers), width = host.clientWidth - SIDE * rem - rem;
    const at = (seconds - from) / (to - from) * width;
    return at < 1.25 * rem || at > width - 0.5 * rem;
  };
  const isPiled = "fill" in numbers.traces[0].looks;
  const plot = new uPlot({
    width: host.clientWidth,
    height: host.clientHeight,
    padding: [TOP, rem, 0, 0],
    legend: { show: false },
    select: { show: false },
    cursor: {
      y: false,
      move: onto,
      drag: { x: false, y: false, setScale: false },
      sync: { key: "taskhub", scales: ["x", null] },
      points: {
        show: (u, number) => !isPiled && now.numbers.traces[number - 1].looks.line !== "goal" && document.createElement("div"),
        size: 6,
        fill: (u, number) => ink(now.numbers.traces[number - 1].looks.line).stroke,
      },
    },
    scales: {
      x: { time: false, range: () => edges(now.numbers) },
      y: { distr: isPiled ? 1 : 3, range: () => [now.numbers.marks[0], now.numbers.marks.at(-1)] },
    },
    axes: [
      { ...axis, size: AXIS, gap: GAP, space: 4 * rem, incrs: [QUARTER, 2 * QUARTER, 4 * QUARTER], grid: { show: false },
        values: (u, at) => at.map((seconds) => (isAtAnEdge(seconds) ? "" : minuteAt(seconds * 1000))) },
      { ...axis, size: SIDE * rem, gap: rem / 2, filter: (u, marks) => marks, splits: () => now.numbers.marks, values: () => now.numbers.words,
        grid: { stroke: () => ink("grid").stroke, width: 1, filter: (u, marks) => marks } },
    ],
    series: [{}, ...numbers.traces.map(({ name, looks }) => ({ label: name, ...(isPiled ? pile(looks, ink) : line(looks, ink)) }))],
    hooks: { setCursor: [onCursor] },
  }, columns(numbers), host);
  plot.show = (fresh) => { now.numbers = fresh; plot.setData(columns(fresh)); };
  return plot;
}

/** The middle of each span, then the values of each trace. */
function columns({ start, step, count, traces }) {
  const middles = Array.from({ length: count }, (_, number) => start + (number + 0.5) * step);
  return [middles, ...traces.map((trace) => trace.values)];
}

/** Let the cursor stand in the middle of a span. */
function onto(u, left, top) {
  return left < 0 ? [left, top] : [u.valToPos(u.data[0][u.posToIdx(left)], "x"), top];
}

const edges = ({ start, step, count }) => [start, start + count * step];

/** A part of a pile: filled, but open in the span that goes on, maybe with a line along its top. */
function pile(looks, ink) {
  return {
    width: 1,
    pxAlign: 0, // `blocks` aligns: what is filled, to other pixels than what is stroked
    points: { show: false },
    stroke: () => ink(looks.open).stroke,
    fill: () => ink(looks.fill).fill,
    dash: ink(looks.open).dash,
    paths: (u, number) => {
      const { body, edge, open } = blocks(u, number);
      const fills = new Map([[ink(looks.fill).fill, body]]);
      if (looks.edge) fills.set(ink(looks.edge).fill, edge);
      return { fill: fills, stroke: open };
    },
  };
}

/** The rectangles of one part of all piles; what is below it comes after it. Nothing is so few that it cannot be seen. */
function blocks(u, number) {
  const { left, top, width, height } = u.bbox, { max } = u.scales.y, count = u.data[0].length;
  const [body, edge, open] = [new Path2D(), new Path2D(), new Path2D()];
  const pixel = uPlot.pxRatio;
  for (let span = 0; span < count; span++) {
    let bottom = top + height, above = bottom;
    for (let part = u.data.length - 1; part >= number; part--) {
      bottom = above;
      const value = u.data[part][span];
      if (value) above = bottom - Math.max(Math.round(height * value / max), pixel);
    }
    if (above === bottom) continue;
    const x = Math.round(left + width * span / count), wide = Math.round(left + width * (span + 1) / count) - x - pixel;
    if (span === count - 1) open.rect(x + pixel / 2, above + pixel / 2, wide - pixel, bottom - above);
    else body.rect(x, above, wide, bottom - above);
    if (span < count - 1) edge.rect(x, above, wide, Math.min(1.5 * pixel, bottom - above));
  }
  return { body, edge, open };
}

/** A line, broken where nothing is known; what is known alone is a point. */
function line({ line: look }, ink) {
  const stroke = () => ink(look).stroke;
  return { stroke, width: ink(look).width, dash: ink(look).dash, points: { show: false, filter: alone, size: 4, width: 0, stroke, fill: stroke } };
}

function alone(u, number) {
  const values = u.data[number];
  return [...values.keys()].filter((at) => values[at] != null && values[at - 1] == null && values[at + 1] == null);
}

/** Return a function that tells how the stylesheet draws what has some classes, in the theme of the moment. */
function inks(host) {
  const svg = host.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  svg.classList.add("inks");
  const probes = new Map();
  return (look) => {
    if (!probes.has(look)) {
      const probe = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
      probe.setAttribute("class", look);
      probes.set(look, getComputedStyle(probe)); // it is live: later it tells of another theme
    }
    const { fill, stroke, strokeWidth, strokeDasharray } = probes.get(look);
    const dash = strokeDasharray === "none" ? undefined : strokeDasharray.split(/[ ,]+/).map((length) => parseFloat(length) * uPlot.pxRatio);
    return { fill, stroke, width: parseFloat(strokeWidth), dash };
  };
}
