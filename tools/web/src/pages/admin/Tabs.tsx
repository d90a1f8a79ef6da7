// SPDX-License-Identifier: MIT
import { Link, useLocation } from 'wouter-preact';
import { t } from '../../strings';

/** From one page of administrators to the next. */
export function Tabs() {
  const [path] = useLocation();
  const words = t().admin;
  const tabs: [string, string][] = [
    ['/admin', words.server.title],
    ['/admin/users', words.people.title],
  ];
  return (
    <nav class="tabs" aria-label={words.title}>
      {tabs.map(([href, label]) => (
        <Link key={href} href={href} class="tab" aria-current={path === href ? 'page' : undefined}>
          {label}
        </Link>
      ))}
    </nav>
  );
}
