// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { Button } from '../../components/Button';
import { Buttons, Dialog } from '../../components/Dialog';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction } from '../../components/hooks';
import { say } from '../../components/Toasts';
import { t } from '../../strings';
import { cancelRun, type Run } from './calls';

/** Ends a run that goes on or waits, when that was meant. */
export function CancelRun({ run, show }: { run: Run; show: (run: Run) => void }) {
  const [asked, ask] = useState(false);
  const words = t().jobs.runs;
  const cancel = useAction(async () => {
    show(await cancelRun(run.id));
    say(words.cancelledToast(run.run));
  });
  return (
    <div>
      <Button kind="danger" onClick={() => ask(true)}>
        {words.cancel}
      </Button>
      {asked && (
        <Dialog title={words.cancelTitle(run.run)} onClose={() => ask(false)}>
          <p>{words.cancelText}</p>
          {cancel.problem && <ErrorNote problem={cancel.problem} />}
          <Buttons>
            <Button onClick={() => ask(false)}>{words.cancelKeep}</Button>
            <Button kind="danger" busy={cancel.busy} onClick={cancel.run}>
              {words.cancel}
            </Button>
          </Buttons>
        </Dialog>
      )}
    </div>
  );
}
