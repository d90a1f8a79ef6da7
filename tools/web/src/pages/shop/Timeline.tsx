// SPDX-License-Identifier: MIT
import { Card } from '../../components/Page';
import { showMoment, t } from '../../strings';
import type { Step } from './api';

/** What became of an order, the oldest first. */
export function Timeline({ steps }: { steps: Step[] }) {
  const { history, steps: words } = t().shop;
  return (
    <Card title={history}>
      <ol class="timeline">
        {steps.map(({ seq, at, state }) => (
          <li key={seq} class={`timeline-step timeline-${state}`}>
            <span>{words[state]}</span>
            <time class="soft small" dateTime={at}>
              {showMoment(at)}
            </time>
          </li>
        ))}
      </ol>
    </Card>
  );
}
