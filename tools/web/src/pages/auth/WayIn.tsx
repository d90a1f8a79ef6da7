// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import { useHistoryState } from 'wouter-preact/use-browser-location';
import { answer, api, Attempt } from '../../api/client';
import { Button } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { Field, fieldError } from '../../components/Field';
import { useAction, useTitle } from '../../components/hooks';
import { begin } from '../../state/session';
import { language } from '../../state/settings';
import { t } from '../../strings';
import { deviceName } from './device';
import { LogInForm, PasswordField } from './LogInForm';
import './auth.css';

const PASSWORD_MIN = 8;

const isWayIn = (path: string): boolean => path === '/login' || path === '/signup';

function SignUpForm() {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [attempt] = useState(() => new Attempt());
  const signUp = useAction(async () => {
    const body = { name, email, password };
    await answer(api.POST('/api/v1/users', { body, params: { header: attempt.header(body) } }));
    begin(await answer(api.POST('/api/v1/auth/login', { body: { email, password, device: deviceName() } })));
  });
  const taken = signUp.problem?.status === 409;
  return (
    <form
      class="auth-form"
      onSubmit={(event) => {
        event.preventDefault();
        void signUp.run();
      }}
    >
      <Field
        label={t().auth.name}
        name="name"
        autocomplete="nickname"
        required
        hint={t().auth.nameHint}
        value={name}
        error={fieldError(signUp.problem, 'name')}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <Field
        label={t().auth.email}
        type="email"
        name="email"
        autocomplete="username"
        required
        value={email}
        error={taken ? t().auth.taken : fieldError(signUp.problem, 'email')}
        onInput={(event) => setEmail(event.currentTarget.value)}
      />
      <PasswordField
        value={password}
        onInput={setPassword}
        autocomplete="new-password"
        hint={t().auth.passwordHint}
        error={password.length < PASSWORD_MIN && signUp.problem ? t().auth.passwordHint : fieldError(signUp.problem, 'password')}
      />
      <ErrorNote problem={taken ? undefined : signUp.problem} />
      <Button kind="primary" type="submit" busy={signUp.busy}>
        {t().auth.signUp}
      </Button>
    </form>
  );
}

/**
 * For somebody who is not logged in. The page that was asked for comes afterwards: its address stays what it is, or goes
 * along as the state of /signup and /login.
 */
export function WayIn() {
  const [path] = useLocation();
  const isNew = path === '/signup';
  const wanted = useHistoryState<string | null>() ?? (isWayIn(path) ? null : location.pathname + location.search);
  useTitle(isNew ? t().auth.signUp : t().auth.logIn);
  return (
    <main class="auth">
      <div class="auth-welcome">
        <img src="/icon.svg" alt="" width="56" height="56" />
        <p class="auth-name">{t().common.appName}</p>
        <p class="auth-tagline">{t().auth.tagline}</p>
      </div>
      <div class="auth-card">
        <h1>{isNew ? t().auth.signUpTitle : t().auth.logInTitle}</h1>
        {isNew ? <SignUpForm /> : <LogInForm />}
        <p class="auth-other">
          {isNew ? t().auth.haveAccount : t().auth.noAccount}{' '}
          <Link href={isNew ? '/login' : '/signup'} state={wanted}>{isNew ? t().auth.logIn : t().auth.signUp}</Link>
        </p>
        <button
          class="auth-language"
          type="button"
          lang={language.value === 'ko' ? 'en' : 'ko'}
          onClick={() => (language.value = language.value === 'ko' ? 'en' : 'ko')}
        >
          {language.value === 'ko' ? 'English' : '한국어'}
        </button>
      </div>
    </main>
  );
}
