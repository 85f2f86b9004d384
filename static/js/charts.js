// Charts: drawn on canvas from the JSON in the page; the table beside them says the same in words.
import { init } from "../vendor/echarts.min.js";

const SERIES = ["indigo", "teal", "orange", "violet", "pink", "lime"];
const charts = new Map();
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function upgrade(root = document) {
  for (const [box, chart] of charts) if (!box.isConnected) { chart.dispose(); charts.delete(box); }
  for (const box of root.querySelectorAll("[data-chart]")) if (!charts.has(box)) draw(box);
}

const observer = new ResizeObserver((entries) => entries.forEach(({ target }) => charts.get(target)?.resize()));
document.addEventListener("theme:change", () => charts.forEach((chart, box) => chart.setOption(options(box.chartData))));

function draw(box) {
  const source = box.querySelector('script[type="application/json"]');
  if (!source) return;
  box.chartData = JSON.parse(source.textContent);
  const chart = init(box, null, { renderer: "canvas" });
  charts.set(box, chart);
  observer.observe(box);
  chart.setOption(options(box.chartData));
  chart.on("click", ({ dataIndex }) => { const href = box.chartData.links?.[dataIndex]; if (href) location.assign(href); });
}

function token(name) {
  // What only carries the bars above it.
  if (name === "none") return "transparent";
  // A canvas needs the computed colour: light-dark() is resolved by the browser on a real element.
  const probe = document.createElement("span");
  probe.className = "vh";
  if (name.startsWith("--")) probe.style.color = `var(${name})`;
  else { probe.classList.add(`c-${name}`); probe.style.color = "var(--c)"; }
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function options({ type = "bar", labels, series, links, stack = false, horizontal = false, unit = "", time = false }) {
  const [ink, muted, line, panel] = ["--ink", "--muted", "--line", "--raised"].map(token);
  const number = (value) => `${unit}${new Intl.NumberFormat(document.documentElement.lang || undefined, { notation: "compact", maximumFractionDigits: 1 }).format(value).replace("K", "k")}`;
  const category = { type: "category", data: labels, axisTick: { show: false }, axisLine: { lineStyle: { color: line } }, axisLabel: { color: muted, hideOverlap: true }, inverse: horizontal };
  const moments = { type: "time", axisTick: { show: false }, axisLine: { lineStyle: { color: line } }, axisLabel: { color: muted, hideOverlap: true } };
  const percent = (n) => `${n ?? "–"} %`;
  const value = { type: "value", minInterval: unit ? 0 : 1, splitLine: { lineStyle: { color: line } }, axisLabel: { color: muted, formatter: number } };
  return {
    animation: !calm.matches,
    animationDuration: 250,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 8, right: 12, top: series.length > 1 ? 36 : 14, bottom: 4, containLabel: true },
    legend: { show: series.length > 1, data: series.filter(({ color }) => color !== "none").map(({ name }) => name), top: 2, right: 8, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: muted } },
    tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: type === "bar" ? "shadow" : "line" }, backgroundColor: panel, borderColor: line, textStyle: { color: ink }, valueFormatter: number },
    xAxis: horizontal ? value : time ? moments : category,
    // A series with an axis of its own is in percent.
    yAxis: horizontal ? category : series.some(({ axis }) => axis) ? [value, { type: "value", min: 0, max: 100, splitLine: { show: false }, axisLabel: { color: muted, formatter: percent } }] : value,
    series: series.map(({ name, data, color, step, axis }, i) => ({
      name, data, type,
      step,
      yAxisIndex: axis ?? 0,
      tooltip: axis ? { valueFormatter: percent } : undefined,
      stack: stack ? "all" : undefined,
      tooltip: { show: color !== "none" },
      color: token(color ?? SERIES[i % SERIES.length]),
      cursor: links ? "pointer" : "default",
      barMaxWidth: 36,
      itemStyle: { borderRadius: stack ? 0 : horizontal ? [0, 4, 4, 0] : [4, 4, 0, 0] },
      symbolSize: 6,
      lineStyle: { width: 2 },
    })),
  };
}
