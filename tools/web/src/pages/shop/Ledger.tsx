// SPDX-License-Identifier: MIT
import { Link } from 'wouter-preact';
import { showMoment, showNumber, t } from '../../strings';
import type { Entry } from './api';
import { orderPath } from './paths';

const signed = (delta: number): string => (delta > 0 ? `+${showNumber(delta)}` : delta < 0 ? `−${showNumber(-delta)}` : '0');

function Row({ entry }: { entry: Entry }) {
  const { causes, openOrder } = t().shop;
  return (
    <tr>
      <td>
        <time dateTime={entry.at}>{showMoment(entry.at)}</time>
      </td>
      <td>
        {causes[entry.cause]}
        {entry.reason && <span class="ledger-reason soft small">{entry.reason}</span>}
        {entry.order && (
          <Link href={orderPath(entry.order)} class="ledger-reason small">
            {openOrder}
          </Link>
        )}
      </td>
      <td class="numbers">
        {showNumber(entry.on_hand)} <span class="soft">({signed(entry.on_hand_delta)})</span>
      </td>
      <td class="numbers">
        {showNumber(entry.reserved)} <span class="soft">({signed(entry.reserved_delta)})</span>
      </td>
    </tr>
  );
}

/** Every change of a stock, with what it led to. */
export function Ledger({ entries }: { entries: Entry[] }) {
  const { ledger, when, what, onHand, reserved } = t().shop;
  return (
    <div class="ledger-box" tabIndex={0} role="region" aria-label={ledger}>
      <table class="ledger">
        <thead>
          <tr>
            <th scope="col">{when}</th>
            <th scope="col">{what}</th>
            <th scope="col">{onHand}</th>
            <th scope="col">{reserved}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Row key={entry.seq} entry={entry} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
