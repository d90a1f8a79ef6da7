// SPDX-License-Identifier: MIT
/** A small plot of the last figures, from zero up to the highest. The number beside it says what matters. */
import { KEPT } from './look';

const WIDTH = 100;
const HEIGHT = 28;
const MARGIN = 2;

function pathOf(values: number[]): string {
  const top = Math.max(1, ...values);
  const step = WIDTH / (KEPT - 1);
  const first = WIDTH - (values.length - 1) * step; // the latest stands at the right edge
  const points = values.map((value, index) => {
    const y = HEIGHT - MARGIN - (value / top) * (HEIGHT - 2 * MARGIN);
    return `${(first + index * step).toFixed(2)} ${y.toFixed(2)}`;
  });
  return points.length > 1 ? `M${points.join('L')}` : '';
}

export function Sparkline({ values }: { values: number[] }) {
  const line = pathOf(values);
  const left = (WIDTH - ((values.length - 1) * WIDTH) / (KEPT - 1)).toFixed(2);
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {line && <path class="sparkline-area" d={`${line}L${WIDTH} ${HEIGHT}L${left} ${HEIGHT}Z`} />}
      <path class="sparkline-line" d={line} />
    </svg>
  );
}
