// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { Button } from '../../components/Button';
import { Buttons, Dialog } from '../../components/Dialog';
import { ErrorNote } from '../../components/ErrorNote';
import { Area } from '../../components/Field';
import { useAction } from '../../components/hooks';
import { say } from '../../components/Toasts';
import { t } from '../../strings';
import { type Held, setStatus, type Status } from './calls';

const REASON_MAX = 500;

interface Properties {
  held: Held;
  status: Status;
  show: (held: Held) => void;
  /** It may be another by now. */
  again: () => void;
  close: () => void;
}

function wordsOf(status: Status, name: string): { title: string; text: string; act: string } {
  const words = t().admin.people;
  if (status === 'ACTIVE') return { title: words.activateTitle(name), text: words.activateText, act: words.activate };
  if (status === 'INACTIVE') return { title: words.deactivateTitle(name), text: words.deactivateText, act: words.deactivate };
  return { title: words.suspendTitle(name), text: words.suspendText, act: words.suspend };
}

/** Asks whether that is meant, and why. */
export function StatusDialog({ held, status, show, again, close }: Properties) {
  const [reason, setReason] = useState('');
  const { name } = held.value;
  const { title, text, act } = wordsOf(status, name);
  const words = t().admin.people;
  const change = useAction(async () => {
    try {
      show(await setStatus(held, status, reason.trim()));
    } catch (thrown) {
      again();
      throw thrown;
    }
    say(words.done[status](name));
    close();
  });
  return (
    <Dialog title={title} onClose={close}>
      <p>{text}</p>
      <Area
        label={`${words.reason} (${t().common.optional})`}
        hint={words.reasonHint}
        maxLength={REASON_MAX}
        value={reason}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      {change.problem && <ErrorNote problem={change.problem} />}
      <Buttons>
        <Button onClick={close}>{words.keep}</Button>
        <Button kind={status === 'ACTIVE' ? 'primary' : 'danger'} busy={change.busy} onClick={change.run}>
          {act}
        </Button>
      </Buttons>
    </Dialog>
  );
}
