// SPDX-License-Identifier: MIT
/** Bars over days, by uPlot, in the colours of the theme. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { language, theme } from '../../state/settings';
import { showNumber } from '../../strings';

const HEIGHT = 240;
const BAR_PART = 0.7; // of its day's width
const BAR_MAX = 40;
const LABEL_SPACE = 70;
const NUMBERS_WIDTH = 44;
const TOP_MIN = 4;
const HEADROOM = 1.05;
const MS_PER_S = 1000;
const HALF_DAY_S = 43_200;

interface Properties {
  times: number[]; // s since 1970, of the begin of each day, UTC
  users: number[];
}

function axesOf(colour: (name: string) => string): uPlot.Axis[] {
  const day = new Intl.DateTimeFormat(language.value, { month: 'short', day: 'numeric', timeZone: 'UTC' });
  const axis = { stroke: colour('--ink-soft'), ticks: { show: false }, font: `12px ${colour('--font')}` };
  const grid = { stroke: colour('--line'), width: 1 };
  return [
    { ...axis, grid: { show: false }, space: LABEL_SPACE, values: (_, times) => times.map((at) => day.format(at * MS_PER_S)) },
    { ...axis, grid, size: NUMBERS_WIDTH, values: (_, counts) => counts.map((count) => (Number.isInteger(count) ? showNumber(count) : '')) },
  ];
}

function optionsOf(host: HTMLElement): uPlot.Options {
  const style = getComputedStyle(host);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const paths = uPlot.paths.bars!({ size: [BAR_PART, BAR_MAX] });
  return {
    width: host.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_plot, min, max) => [min - HALF_DAY_S, max + HALF_DAY_S] },
      y: { range: (_plot, _min, max) => [0, Math.max(TOP_MIN, Math.ceil(max * HEADROOM))] },
    },
    axes: axesOf(colour),
    series: [{}, { fill: colour('--accent'), width: 0, points: { show: false }, paths }],
    tzDate: (at) => uPlot.tzDate(new Date(at * MS_PER_S), 'UTC'),
  };
}

export default function BarPlot({ times, users }: Properties) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const host = place.current!;
    const plot = new uPlot(optionsOf(host), [times, users], host);
    const resizes = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: HEIGHT }));
    resizes.observe(host);
    return () => {
      resizes.disconnect();
      plot.destroy();
    };
  }, [times.join(), users.join(), language.value, theme.value]);
  return <div ref={place} />;
}
