// SPDX-License-Identifier: MIT
/** Below a message that the server does not have yet: how it stands, and what one can do about it. */
import { link } from '../../state/connection';
import { dropUnsent, type Unsent } from '../../state/outbox';
import { retry } from '../../state/sender';
import { t } from '../../strings';

function whyNot(code: string | undefined): string {
  const { forbidden, invalid, other } = t().chat.notSent;
  return code === 'forbidden' ? forbidden : code === 'invalid' ? invalid : other;
}

export function UnsentStatus({ item }: { item: Unsent }) {
  switch (item.state) {
    case 'sent':
      return null;
    case 'sending':
    case 'waiting':
      return <p class="unsent unsent-soon">{link.value === 'on' ? t().chat.sending : t().chat.waiting}</p>;
    case 'failed':
      return (
        <p class="unsent unsent-failed" role="alert">
          <span>{whyNot(item.code)}</span>
          <button type="button" class="text-button" onClick={() => retry(item.client_id)}>
            {t().chat.sendAgain}
          </button>
          <button type="button" class="text-button" onClick={() => dropUnsent(item.client_id)}>
            {t().chat.discard}
          </button>
        </p>
      );
  }
}
