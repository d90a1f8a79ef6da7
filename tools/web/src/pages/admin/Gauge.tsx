// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { Sparkline } from './Sparkline';

interface Properties {
  name: string;
  value: string;
  hint?: string;
  /** The last ones, for a plot. */
  values?: number[];
  /** Worth a second look. */
  odd?: boolean;
}

/** A number with its name and, where there is one, its recent past. */
export function Gauge({ name, value, hint, values, odd = false }: Properties) {
  return (
    <div class={odd ? 'gauge gauge-odd' : 'gauge'} title={hint}>
      <dt>{name}</dt>
      <dd class="numbers">{value}</dd>
      {values && (
        <dd class="gauge-plot">
          <Sparkline values={values} />
        </dd>
      )}
    </div>
  );
}

/** A part of the server. */
export function Gauges({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h2>{title}</h2>
      <dl class="gauges">{children}</dl>
    </section>
  );
}
