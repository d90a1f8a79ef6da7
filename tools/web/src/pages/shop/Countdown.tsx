// SPDX-License-Identifier: MIT
import { useEffect, useState } from 'preact/hooks';
import { showTime, t } from '../../strings';
import { serverNow } from './clock';

const SOON_MS = 60_000;

/** "14:59", or with hours "1:14:59". */
export function clockOf(ms: number): string {
  const seconds = Math.max(Math.ceil(ms / 1000), 0);
  const hours = Math.floor(seconds / 3600);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  return (hours > 0 ? [hours, ...parts] : parts).join(':');
}

/** How long is left, second by second. For screen readers it is there to be read, and does not speak. */
export function Countdown({ until }: { until: string }) {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  const left = Date.parse(until) - now;
  return (
    <p class={left < SOON_MS ? 'countdown countdown-soon' : 'countdown'} role="timer" aria-live="off">
      <span class="unseen">{t().shop.timeLeft}</span>
      <strong class="numbers">{clockOf(left)}</strong>
      <span class="soft small">{t().shop.payUntil(showTime(until))}</span>
    </p>
  );
}
