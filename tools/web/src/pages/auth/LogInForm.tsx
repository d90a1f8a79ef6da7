// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { answer, api } from '../../api/client';
import type { Problem } from '../../api/problem';
import { Button, IconButton } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { Field, fieldError } from '../../components/Field';
import { useAction } from '../../components/hooks';
import { begin, lastEmail } from '../../state/session';
import { t } from '../../strings';
import { deviceName } from './device';

interface PasswordProperties {
  value: string;
  onInput: (value: string) => void;
  autocomplete: 'current-password' | 'new-password';
  hint?: string;
  error?: string | undefined;
  autofocus?: boolean;
}

export function PasswordField({ value, onInput, autocomplete, hint, error, autofocus = false }: PasswordProperties) {
  const [shown, setShown] = useState(false);
  return (
    <Field
      label={t().auth.password}
      type={shown ? 'text' : 'password'}
      name="password"
      autocomplete={autocomplete}
      required
      maxLength={128}
      autofocus={autofocus}
      value={value}
      hint={hint}
      error={error}
      onInput={(event) => onInput(event.currentTarget.value)}
      after={
        <IconButton
          icon={shown ? 'eyeOff' : 'eye'}
          label={shown ? t().auth.hidePassword : t().auth.showPassword}
          onClick={() => setShown(!shown)}
        />
      }
    />
  );
}

function refusedBecause(problem: Problem | undefined): string | undefined {
  if (problem?.status === 401) return t().auth.wrong;
  if (problem?.status === 403) return t().auth.notActive;
  if (problem?.status === 429) return t().auth.tooOften(problem.retryAfterS);
  return undefined;
}

/** Begins a session. `email` given: of that person only. */
export function LogInForm({ email: given }: { email?: string | undefined }) {
  const [email, setEmail] = useState(given ?? lastEmail);
  const [password, setPassword] = useState('');
  const logIn = useAction(async () => {
    begin(await answer(api.POST('/api/v1/auth/login', { body: { email, password, device: deviceName() } })));
  });
  return (
    <form
      class="auth-form"
      onSubmit={(event) => {
        event.preventDefault();
        void logIn.run();
      }}
    >
      <Field
        label={t().auth.email}
        type="email"
        name="email"
        autocomplete="username"
        required
        readOnly={given !== undefined}
        value={email}
        error={fieldError(logIn.problem, 'email')}
        onInput={(event) => setEmail(event.currentTarget.value)}
      />
      <PasswordField
        value={password}
        onInput={setPassword}
        autocomplete="current-password"
        autofocus={given !== undefined}
        error={fieldError(logIn.problem, 'password')}
      />
      <ErrorNote problem={logIn.problem} text={refusedBecause(logIn.problem)} />
      <Button kind="primary" type="submit" busy={logIn.busy}>
        {t().auth.logIn}
      </Button>
    </form>
  );
}
