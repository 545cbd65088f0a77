// Bars over time, drawn by uPlot. Bars.attributes of page/charts.py says what the data-… of an element mean. Other
// ones (by a morph) make a new picture and destroy the old one: nothing grows.
const pictures = new Map(), written = (element) => JSON.stringify(element.dataset), none = { show: false };
function picture(element) {
  const set = element.dataset, read = $("[data-read]", element.closest(".panel"));
  const [values, ticks, marks] = [set.values, set.ticks, set.marks].map((s) => JSON.parse(s)), last = values.length - 1;
  const [from, step, until, top, every, limit] = "from step until top every limit".split(" ").map((one) => +set[one]);
  const style = getComputedStyle(element), ink = (name) => () => style.getPropertyValue(`--chart-${name}`);
  const font = `${style.fontSize} ${style.fontFamily}`, over = (n) => !!limit && n > limit, flood = values.some(over);
  const start = (i) => from + i * step, middle = (i) => start(i + .5), date = (i) => new Date(start(i) * 1000);
  const when = (i) => step >= 86400 ? onClock(date(i + .5), day).replace(/,? [\d:]+$/, "")
    : `${onClock(date(i), until - from > 86400 ? day : {})} to ${onClock(date(i + 1))}`;
  const told = (i) => `${when(i)}: ${values[i].toLocaleString("en")} ${values[i] === 1 ? set.one : set.many}`;
  const follow = (i, end) => set.rangeHref && location.assign(new URL(set.rangeHref
    .replace("{since}", date(i).toISOString()).replace("{until}", date(end).toISOString()), document.baseURI));
  const line = (c, path, colour, dash = [], lineWidth = 1) => {
    Object.assign(c, { strokeStyle: ink(colour)(), lineWidth }).setLineDash(dash); c.stroke(new Path2D(path)); };
  const hatch = (u) => { // the critical colour, striped with the ground's where a bar is wide enough
    if (u.bbox.width * step / (until - from) < 4 * devicePixelRatio) return ink("flood")();
    const c = Object.assign(new OffscreenCanvas(12, 12).getContext("2d"), { fillStyle: ink("flood")() });
    c.fillRect(0, 0, 12, 12); line(c, "M-1 13L13 -1M-13 13L1 -1M11 13L25 -1", "ground", [], 3);
    return u.ctx.createPattern(c.canvas, "repeat"); };
  const below = ({ ctx: c, bbox: { left, top: high, width }, valToPos }) => {
    c.fillStyle = ink(flood ? "flooded" : "band")();
    c.fillRect(left, high, width, limit && valToPos(limit, "y", true) - high); };
  const above = ({ ctx: c, bbox, valToPos }) => { // from the plot's corner on, in the page's pixels
    const dpr = devicePixelRatio, width = bbox.width / dpr, x = (at) => valToPos(at, "x"), y = (n) => valToPos(n, "y");
    const taken = [], write = (said, at, high, end = at + c.measureText(said).width) => {
      const full = end > width + 18 || taken.some(([a, b]) => end + 6 > a && at - 6 < b);
      if (high < 0 && (full || !taken.push([at, end]))) return; // above only where there is room
      Object.assign(c, { strokeStyle: ink("ground")(), lineWidth: 6, fillStyle: ink("text")() }).setLineDash([]);
      c.strokeText(said, at, high); c.fillText(said, at, high); };
    c.save(); c.setTransform(dpr, 0, 0, dpr, bbox.left, bbox.top);
    Object.assign(c, { font, textAlign: "left", textBaseline: "bottom", lineJoin: "round" });
    for (const [at] of marks) line(c, `M${x(at)} -14V${y(0)}`, "line", [2, 3]);
    [...values.entries()].sort(([, a], [, b]) => b - a).forEach(([i, n]) => { // the highest are named before others
      if (n <= top) return; // a notch, and the number
      line(c, `M${x(start(i)) - 1} 8L${x(start(i + 1)) + 1} 4`, "ground", [], 2);
      const wide = c.measureText(n).width;
      write(`${n}`, Math.min(x(middle(i)) - wide / 2, width + 17 - wide), -2); });
    for (const [at, name] of marks) write(name, x(at) + 4, -2);
    line(c, `M0 ${y(0)}H${width}`, "line");
    if (limit) line(c, `M0 ${y(limit)}H${width}`, flood ? "edge" : "line", [5, 3], 1.5);
    if (limit) write(set.limitWords, 6, y(limit) - 2);
    c.restore(); };
  const few = (u, end = -8) => ticks.map(([at, said]) => { // words below that touch neither each other nor the 0
    const half = said.length * 3.5, x = u.valToPos(at, "x");
    return x - half < end + 8 ? "" : (end = x + half, said); });
  const chosen = ({ select: { left, width }, posToVal }) => {
    const at = (pos) => Math.min(last, Math.floor((posToVal(pos, "x") - from) / step)); // beyond it nothing was yet
    if (width) follow(at(left), at(left + width) + 1); };
  const pointed = ({ cursor: { left, idx } }) => read && (read.textContent = left < 0 ? read.dataset.read : told(idx));
  const axis = { font, stroke: ink("words"), ticks: none, gap: 4 }, grid = { stroke: ink("grid"), width: 1 };
  const paths = uPlot.paths.bars({ size: [1, Infinity], gap: 1 });
  const bars = (fill) => ({ fill, width: 0, points: none, paths });
  const plot = new uPlot({ width: element.clientWidth, height: element.clientHeight, legend: none,
    scales: { x: { time: false, range: [from, until] }, y: { range: [0, top] } }, padding: [20, 18, 0, 0],
    series: [{}, bars(ink("bar")), bars(hatch)],
    axes: [{ ...axis, size: 24, grid: none, splits: () => ticks.map(([at]) => at), values: (u) => few(u) },
      { ...axis, size: 12 + 8 * set.top.length, grid, incrs: [every], space: 1 }],
    cursor: { y: false, points: none, drag: { x: !!set.rangeHref, setScale: false, dist: 6 } },
    hooks: { drawClear: [below], draw: [above], setCursor: [pointed], setSelect: [chosen] } },
  [values.map((_, i) => middle(i)), ...[false, true].map((high) => values.map((n) => over(n) === high ? n : null))],
  element);
  return { plot, follow, last, seen: written(element) }; }
const sizes = new ResizeObserver((seen) => seen.forEach(({ target }) =>
  pictures.get(target)?.plot.setSize({ width: target.clientWidth, height: target.clientHeight })));
function redraw() {
  for (const [element, { plot, seen }] of pictures) if (!element.isConnected || seen !== written(element)) {
    plot.destroy(); pictures.delete(element); sizes.unobserve(element); }
  for (const one of $$("[data-chart]")) if (!pictures.has(one)) sizes.observe(one), pictures.set(one, picture(one)); }
on("htmx:after:swap", redraw);
const repaint = () => pictures.forEach(({ plot }) => plot.redraw(false));
for (const one of ["prefers-color-scheme: dark", "forced-colors: active"]) matchMedia(`(${one})`).onchange = repaint;
new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
on("focusout", ({ target }) => pictures.get(target)?.plot.setCursor({ left: -10, top: -10 }));
on("keydown", (event) => {
  const { plot, follow, last } = pictures.get(event.target) ?? {}, now = plot?.cursor.idx ?? last + 1;
  const to = { ArrowLeft: Math.max(0, now - 1), ArrowRight: Math.min(last, now + 1), Home: 0, End: last }[event.key];
  if (plot && event.key === "Enter" && now <= last) follow(now, now + 1);
  if (!plot || to === undefined) return;
  plot.setCursor({ left: plot.valToPos(plot.data[0][to], "x"), top: 0 }); event.preventDefault();
});
redraw();
