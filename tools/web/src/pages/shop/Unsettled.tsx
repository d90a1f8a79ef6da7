// SPDX-License-Identifier: MIT
import { Button } from '../../components/Button';
import { t } from '../../strings';
import { endAttempt } from './basket';
import { LinkButton } from './LinkButton';

/** An order that was sent, and whose answer did not arrive. */
export function Unsettled({ again }: { again: () => void }) {
  const words = t().shop;
  return (
    <div class="note shop-unsettled" role="alert">
      <p class="note-text">
        <strong>{words.unsettled}</strong> {words.unsettledHint}
      </p>
      <Button kind="primary" icon="refresh" onClick={again}>
        {words.unsettledAgain}
      </Button>
      <LinkButton href="/orders">{words.orders}</LinkButton>
      <Button kind="quiet" onClick={() => endAttempt(false)}>
        {words.unsettledDrop}
      </Button>
    </div>
  );
}
