// SPDX-License-Identifier: MIT
import { useRef, useState } from 'preact/hooks';
import { Attempt } from '../../api/client';
import { Button } from '../../components/Button';
import { Buttons, Dialog } from '../../components/Dialog';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction } from '../../components/hooks';
import { say } from '../../components/Toasts';
import { isAdmin } from '../../state/session';
import { t } from '../../strings';
import { type Order, cancelOrder, payOrder } from './api';
import { isOpen } from './watch';

interface Properties {
  order: Order;
  take: (order: Order) => Promise<void>;
}

function CancelDialog({ busy, act, onClose }: { busy: boolean; act: () => void; onClose: () => void }) {
  const { cancel, cancelSure, cancelDo, cancelNot } = t().shop;
  return (
    <Dialog title={cancel} onClose={onClose}>
      <p>{cancelSure}</p>
      <Buttons>
        <Button onClick={onClose}>{cancelNot}</Button>
        <Button kind="danger" busy={busy} onClick={act}>
          {cancelDo}
        </Button>
      </Buttons>
    </Dialog>
  );
}

/** What may be done with an order now: whose it is cancels it, administrators take the money. */
export function OrderActions({ order, take }: Properties) {
  const attempt = useRef(new Attempt()).current;
  const [asked, setAsked] = useState(false);
  const words = t().shop;
  const pay = useAction(async () => {
    await take(await payOrder(order.id, attempt.header([order.id, 'pay'])));
    say(words.paid);
  });
  const cancel = useAction(async () => {
    setAsked(false);
    await take(await cancelOrder(order.id, attempt.header([order.id, 'cancel'])));
    say(words.cancelled);
  });
  const problem = pay.problem ?? cancel.problem;
  return (
    <>
      <ErrorNote problem={problem} text={problem?.code === 'conflict' ? words.tooLate : undefined} />
      {isOpen(order) && (
        <div class="order-actions">
          {isAdmin.value && order.state === 'RESERVED' && (
            <Button kind="primary" icon="check" busy={pay.busy} onClick={() => void pay.run()}>
              {words.pay}
            </Button>
          )}
          <Button busy={cancel.busy} onClick={() => setAsked(true)}>
            {words.cancel}
          </Button>
        </div>
      )}
      {asked && <CancelDialog busy={cancel.busy} act={() => void cancel.run()} onClose={() => setAsked(false)} />}
    </>
  );
}
