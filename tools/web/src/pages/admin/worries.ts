// SPDX-License-Identifier: MIT
/** What is worth a second look. The marks are far from what an idle or busy server shows; nothing blinks. */
import type { Look } from './look';

export type Worry =
  | 'not_ready' | 'storage_full' | 'refusing' | 'slow_wait' | 'slow_sync' | 'applier_behind' | 'timers_late' | 'dead_letters';

const SLOW_WAIT_US = 50_000;
const SLOW_SYNC_US = 100_000;
const APPLIER_LAG_BYTES = 256 * 1024 * 1024;
const TIMERS_LATE_MS = 2_000;

export function worriesOf(look: Look): Worry[] {
  const marks: [Worry, boolean][] = [
    ['not_ready', !look.stat.ready],
    ['storage_full', look.stat.storage_full],
    ['refusing', (look.refused_per_s ?? 0) > 0],
    ['slow_wait', look.wait_p99_us > SLOW_WAIT_US],
    ['slow_sync', Math.max(look.journal.sync_p99_us, look.journal.sync_applying_p99_us) > SLOW_SYNC_US],
    ['applier_behind', look.applier.lag > APPLIER_LAG_BYTES],
    ['timers_late', look.timer_lag_ms > TIMERS_LATE_MS],
    ['dead_letters', look.dead_letters > 0],
  ];
  return marks.filter(([, seen]) => seen).map(([worry]) => worry);
}
