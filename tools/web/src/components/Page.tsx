// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { Link } from 'wouter-preact';
import { t } from '../strings';
import { useTitle } from './hooks';
import { Icon } from './Icon';
import './Page.css';

interface Properties {
  title: string;
  /** Beside the title. */
  actions?: ComponentChildren;
  /** A path, for pages below another one. */
  back?: string;
  /** For tables: as wide as the window. */
  wide?: boolean;
  children: ComponentChildren;
}

/** A page that scrolls, under its title. (What fills the window by itself, like a conversation, stands without.) */
export function Page({ title, actions, back, wide = false, children }: Properties) {
  useTitle(title);
  return (
    <div class={wide ? 'page page-wide' : 'page'}>
      <header class="page-head">
        {back && (
          <Link href={back} class="button button-quiet button-icon page-back" aria-label={t().common.back}>
            <Icon name="back" />
          </Link>
        )}
        <h1>{title}</h1>
        {actions && <div class="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a page on a ground of its own. */
export function Card({ title, actions, children }: { title?: string; actions?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="card">
      {(title || actions) && (
        <header class="card-head">
          <h2>{title}</h2>
          {actions}
        </header>
      )}
      {children}
    </section>
  );
}
