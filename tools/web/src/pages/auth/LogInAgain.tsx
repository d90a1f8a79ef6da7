// SPDX-License-Identifier: MIT
import { Buttons, Dialog } from '../../components/Dialog';
import { Button } from '../../components/Button';
import { forget, isOver, user } from '../../state/session';
import { t } from '../../strings';
import { LogInForm } from './LogInForm';
import './auth.css';

/** Above the page whose session is over: it goes on where it was. */
export function LogInAgain() {
  if (!isOver.value) return null;
  return (
    <Dialog title={t().auth.overTitle}>
      <p class="soft">{t().auth.overHint(user.value!.name)}</p>
      <LogInForm email={user.value!.email} />
      <Buttons>
        <Button kind="quiet" onClick={forget}>
          {t().auth.someoneElse}
        </Button>
      </Buttons>
    </Dialog>
  );
}
