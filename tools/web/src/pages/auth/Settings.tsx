// SPDX-License-Identifier: MIT
import { useLocation } from 'wouter-preact';
import { answer, api } from '../../api/client';
import { Avatar } from '../../components/Avatar';
import { Badge } from '../../components/Badge';
import { Button } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { Segments } from '../../components/Field';
import { useAction, useLoaded } from '../../components/hooks';
import { Skeleton } from '../../components/Loading';
import { Card, Page } from '../../components/Page';
import { say } from '../../components/Toasts';
import { currentSession } from '../../api/tokens';
import { forget, user } from '../../state/session';
import { language, languages, theme, themes } from '../../state/settings';
import { showMoment, t } from '../../strings';
import './Settings.css';

const languageNames = { en: 'English', ko: '한국어' };

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
  const me = user.value!;
  return (
    <Page title={t().auth.settings}>
      <div class="who">
        <Avatar id={me.id} name={me.name} size="large" />
        <div>
          <p class="who-name">{me.name}</p>
          <p class="soft">{me.email}</p>
        </div>
      </div>
      <Appearance />
      <Devices />
      <Leave />
    </Page>
  );
}
