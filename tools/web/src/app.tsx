// SPDX-License-Identifier: MIT
/** Routes, and the frame around their pages. Who is not logged in sees the way in, at any address: the place is kept. */
import { useEffect, useErrorBoundary, useRef } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter-preact';
import { useHistoryState } from 'wouter-preact/use-browser-location';
import { Avatar } from './components/Avatar';
import { Count } from './components/Badge';
import { Button } from './components/Button';
import { Connection } from './components/Connection';
import { Empty } from './components/Empty';
import { Icon } from './components/Icon';
import { Page } from './components/Page';
import { Toasts } from './components/Toasts';
import { admin } from './pages/admin';
import { auth, LogInAgain, WayIn } from './pages/auth';
import { chat } from './pages/chat';
import { jobs } from './pages/jobs';
import type { Place } from './pages/part';
import { shop } from './pages/shop';
import { isAdmin, user } from './state/session';
import { showNumber, t } from './strings';
import './app.css';

const parts = [chat, shop, jobs, admin, auth];
const places = parts.flatMap((part) => part.places);
const routes = parts.flatMap((part) => part.routes);

function PlaceLink({ place, current }: { place: Place; current: boolean }) {
  const count = place.count?.() ?? 0;
  return (
    <Link href={place.path} class="place" aria-current={current ? 'page' : undefined}>
      <span class="place-icon">
        <Icon name={place.icon} />
        <Count value={count} label={`(${showNumber(count)})`} />
      </span>
      <span class="place-label">{place.label()}</span>
    </Link>
  );
}

function Navigation({ path }: { path: string }) {
  const me = user.value!;
  return (
    <nav class="navigation" aria-label={t().common.navigation}>
      <span class="navigation-mark" aria-hidden="true">
        <img src="/icon.svg" alt="" width="40" height="40" />
      </span>
      {places
        .filter((place) => !place.admin || isAdmin.value)
        .map((place) => (
          <PlaceLink key={place.path} place={place} current={path === place.path || path.startsWith(`${place.path}/`)} />
        ))}
      <Link href="/settings" class="place place-me" aria-current={path.startsWith('/settings') ? 'page' : undefined}>
        <span class="place-icon">
          <Avatar id={me.id} name={me.name} size="small" />
        </span>
        <span class="place-label">{t().common.you}</span>
      </Link>
    </nav>
  );
}

function NotFound() {
  return (
    <Page title={t().common.appName}>
      <Empty icon="search" title={t().common.notFound} hint={t().common.notFoundHint}>
        <Link href="/" class="button button-plain">
          {t().common.home}
        </Link>
      </Empty>
    </Page>
  );
}

function NotForYou() {
  return (
    <Page title={t().common.appName}>
      <Empty icon="lock" title={t().admin.forbiddenTitle} hint={t().admin.forbiddenText}>
        <Link href="/" class="button button-plain">
          {t().common.home}
        </Link>
      </Empty>
    </Page>
  );
}

/** A page that fails takes nothing else along. */
function Boundary({ children }: { children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary((thrown) => console.error(thrown));
  const [path] = useLocation();
  useEffect(() => {
    if (error !== undefined) reset();
  }, [path]);
  if (error === undefined) return <>{children}</>;
  return (
    <Empty icon="alert" title={t().common.crashed} hint={t().common.crashedHint}>
      <Button icon="refresh" onClick={() => location.reload()}>
        {t().common.reload}
      </Button>
    </Empty>
  );
}

function Pages() {
  const wanted = useHistoryState<string | null>(); // before one was logged in (WayIn)
  return (
    <Switch>
      {routes.map(({ path, page: Shown, admin: forAdmins }) => (
        <Route key={path} path={path}>
          {(parameters) => (forAdmins && !isAdmin.value ? <NotForYou /> : <Shown {...parameters} />)}
        </Route>
      ))}
      {['/', '/login', '/signup'].map((path) => (
        <Route key={path} path={path}>
          <Redirect to={wanted ?? places[0]?.path ?? '/settings'} replace />
        </Route>
      ))}
      <Route>
        <NotFound />
      </Route>
    </Switch>
  );
}

/** Whoever comes to another page begins there, also with the keyboard; on the same page the focus stays. */
function useFocusOnMove(place: string) {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    if (!first.current && !main.current?.contains(document.activeElement)) main.current?.focus();
    first.current = false;
  }, [place]);
  return main;
}

function Inside() {
  const [path] = useLocation();
  const main = useFocusOnMove(path);
  return (
    <div class="frame">
      <a class="skip" href="#main">
        {t().common.skip}
      </a>
      <Navigation path={path} />
      <main class="main" id="main" tabIndex={-1} ref={main}>
        <Connection />
        <div class="main-page">
          <Boundary>
            <Pages />
          </Boundary>
        </div>
      </main>
      <LogInAgain />
    </div>
  );
}

export function App() {
  return (
    <>
      {/* Another person starts afresh: nothing on a page may be somebody else's. */}
      {user.value === undefined ? <WayIn /> : <Inside key={user.value.id} />}
      <Toasts />
    </>
  );
}
