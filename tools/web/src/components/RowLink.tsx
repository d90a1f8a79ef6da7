// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { Link } from 'wouter-preact';
import './RowLink.css';

interface Properties {
  href: string;
  title: string;
  /** At the end of the title's line. */
  after?: ComponentChildren;
  /** There is nothing yet, but it may be made. */
  empty?: boolean;
  children?: ComponentChildren;
}

/** A row of a list that opens a page. */
export function RowLink({ href, title, after, empty = false, children }: Properties) {
  return (
    <li>
      <Link href={href} class={empty ? 'row-link row-link-empty' : 'row-link'}>
        <span class="row-link-head">
          <strong>{title}</strong>
          {after}
        </span>
        {children}
      </Link>
    </li>
  );
}

export function Rows({ children }: { children: ComponentChildren }) {
  return <ul class="rows">{children}</ul>;
}
