// SPDX-License-Identifier: MIT
import { t } from '../../strings';
import type { Look } from './look';
import { worriesOf } from './worries';

/** stale: when the last figures came, if none come any more. */
export function Worries({ look, stale }: { look: Look; stale: string | undefined }) {
  const worries = worriesOf(look);
  const calm = worries.length === 0 && stale === undefined;
  return (
    <div class={calm ? 'worries' : 'worries worries-some'} role="status">
      {calm && <p>{t().admin.server.fine}</p>}
      {stale !== undefined && <p>{t().admin.server.stale(stale)}</p>}
      {worries.map((worry) => (
        <p key={worry}>{t().admin.server.worry[worry]}</p>
      ))}
    </div>
  );
}
