// SPDX-License-Identifier: MIT
import { Link } from 'wouter-preact';
import { showMoment, showNumber, t } from '../../strings';
import type { Entry } from './api';
import { orderPath } from './paths';

const signed = (delta: number): string => (delta > 0 ? `+${showNumber(delta)}` : delta < 0 ? `−${showNumber(-delta)}` : '±0');

function Change({ name, now, delta }: { name: string; now: number; delta: number }) {
  return (
    <span class={delta === 0 ? 'soft small numbers' : 'small numbers'}>
      {name} {showNumber(now)} ({signed(delta)})
    </span>
  );
}

function Row({ entry }: { entry: Entry }) {
  const { causes, openOrder, onHand, reserved } = t().shop;
  return (
    <li class="ledger-entry">
      <span>
        <strong>{causes[entry.cause]}</strong> {entry.reason && <span>{entry.reason}</span>}
        {entry.order && (
          <Link href={orderPath(entry.order)} class="small">
            {openOrder}
          </Link>
        )}
      </span>
      <time class="soft small" dateTime={entry.at}>
        {showMoment(entry.at)}
      </time>
      <span class="ledger-changes">
        <Change name={onHand} now={entry.on_hand} delta={entry.on_hand_delta} />
        <Change name={reserved} now={entry.reserved} delta={entry.reserved_delta} />
      </span>
    </li>
  );
}

/** Every change of a stock, with what it led to. */
export function Ledger({ entries }: { entries: Entry[] }) {
  return (
    <ol>
      {entries.map((entry) => (
        <Row key={entry.seq} entry={entry} />
      ))}
    </ol>
  );
}
