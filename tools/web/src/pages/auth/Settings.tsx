// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { answer, api, ifMatch, tagged } from '../../api/client';
import { Avatar } from '../../components/Avatar';
import { Badge } from '../../components/Badge';
import { Button } from '../../components/Button';
import { Buttons, Dialog } from '../../components/Dialog';
import { ErrorNote } from '../../components/ErrorNote';
import { Field, fieldError, Segments } from '../../components/Field';
import { useAction, useLoaded } from '../../components/hooks';
import { Skeleton } from '../../components/Loading';
import { Card, Page } from '../../components/Page';
import { say } from '../../components/Toasts';
import { currentSession } from '../../api/tokens';
import { forget, setUser, user } from '../../state/session';
import { language, languages, theme, themes } from '../../state/settings';
import { showMoment, t } from '../../strings';
import './Settings.css';

const languageNames = { en: 'English', ko: '한국어' };

function Profile() {
  const me = user.value!;
  const [changing, setChanging] = useState(false);
  return (
    <section class="who" aria-label={t().auth.profile}>
      <Avatar id={me.id} name={me.name} size="large" />
      <div class="who-text">
        <p class="who-name">{me.name}</p>
        <p class="soft">{me.email}</p>
      </div>
      <Button onClick={() => setChanging(true)}>
        {t().auth.changeName}
      </Button>
      {changing && <NameDialog onClose={() => setChanging(false)} />}
    </section>
  );
}

function NameDialog({ onClose }: { onClose: () => void }) {
  const me = user.value!;
  const [name, setName] = useState(me.name);
  const save = useAction(async () => {
    const params = { path: { id: me.id } };
    const { tag } = await tagged(api.GET('/api/v1/users/{id}', { params }));
    setUser(await answer(api.PATCH('/api/v1/users/{id}', { params: { ...params, header: ifMatch(tag) }, body: { name } })));
    say(t().common.saved);
    onClose();
  });
  return (
    <Dialog title={t().auth.changeName} onClose={onClose}>
      <form
        class="auth-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save.run();
        }}
      >
        <Field
          label={t().auth.name}
          hint={t().auth.nameHint}
          required
          autofocus
          autocomplete="nickname"
          value={name}
          error={fieldError(save.problem, 'name')}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <ErrorNote problem={save.problem} />
        <Buttons>
          <Button onClick={onClose}>{t().common.cancel}</Button>
          <Button kind="primary" type="submit" busy={save.busy}>
            {t().common.save}
          </Button>
        </Buttons>
      </form>
    </Dialog>
  );
}

function Appearance() {
  return (
    <Card title={t().auth.appearance}>
      <Segments
        label={t().auth.language}
        value={language.value}
        choices={languages.map((value) => ({ value, label: languageNames[value] }))}
        onChange={(value) => (language.value = value)}
      />
      <Segments
        label={t().auth.theme}
        value={theme.value}
        choices={themes.map((value) => ({ value, label: t().auth.themes[value] }))}
        onChange={(value) => (theme.value = value)}
      />
    </Card>
  );
}

function Devices() {
  const sessions = useLoaded(() => answer(api.GET('/api/v1/auth/sessions')), []);
  const end = useAction(async (id: string) => {
    await answer(api.DELETE('/api/v1/auth/sessions/{id}', { params: { path: { id } } }));
    say(t().auth.sessionEnded);
    sessions.again();
  });
  const mine = currentSession();
  return (
    <Card title={t().auth.devices}>
      {sessions.value === undefined && sessions.loading && <Skeleton />}
      <ErrorNote problem={sessions.problem} again={sessions.again} />
      <ErrorNote problem={end.problem} />
      <ul class="devices">
        {sessions.value?.items.map((one) => (
          <li key={one.id} class="device">
            <div>
              <p>{one.device || t().auth.unnamedDevice}</p>
              <p class="soft small">{t().auth.since(showMoment(one.created_at))}</p>
            </div>
            {one.id === mine ? (
              <Badge tone="accent">{t().auth.thisDevice}</Badge>
            ) : (
              <Button kind="quiet" onClick={() => end.run(one.id)} aria-label={`${t().auth.endSession}: ${one.device ?? ''}`}>
                {t().auth.logOut}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Leave() {
  const [, go] = useLocation();
  const leave = (): void => {
    forget();
    go('/login');
  };
  const logOut = useAction(async () => {
    await answer(api.POST('/api/v1/auth/logout'));
    leave();
  });
  const everywhere = useAction(async () => {
    await answer(api.POST('/api/v1/auth/logout-all'));
    leave();
  });
  return (
    <div class="leave">
      <ErrorNote problem={logOut.problem ?? everywhere.problem} />
      <Button onClick={() => logOut.run()} busy={logOut.busy}>
        {t().auth.logOut}
      </Button>
      <Button kind="danger" onClick={() => everywhere.run()} busy={everywhere.busy}>
        {t().auth.logOutEverywhere}
      </Button>
      <p class="soft small">{t().auth.logOutEverywhereHint}</p>
    </div>
  );
}

export default function Settings() {
  return (
    <Page title={t().auth.settings}>
      <Profile />
      <Appearance />
      <Devices />
      <Leave />
    </Page>
  );
}
