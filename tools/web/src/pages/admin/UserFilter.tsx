// SPDX-License-Identifier: MIT
import { useEffect, useState } from 'preact/hooks';
import { Field, Segments } from '../../components/Field';
import { t } from '../../strings';
import type { Status, Wanted } from './calls';

const PAUSE_MS = 250; // behind the last letter
const QUERY_MAX = 100;

export const STATUSES: Status[] = ['ACTIVE', 'INACTIVE', 'SUSPENDED'];

/** Which users are wanted: by letters of name or e-mail, and by status. */
export function UserFilter({ wanted, want }: { wanted: Wanted; want: (wanted: Wanted) => void }) {
  const [text, setText] = useState(wanted.query);
  const words = t().admin.people;
  useEffect(() => {
    const query = text.trim();
    if (query === wanted.query) return undefined;
    const timer = setTimeout(() => want({ ...wanted, query }), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, wanted.status]);
  const choices = [{ value: 'all' as const, label: words.status.all }, ...STATUSES.map((value) => ({ value, label: words.status[value] }))];
  return (
    <search class="user-filter">
      <Field type="search" label={words.search} maxLength={QUERY_MAX} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <Segments
        label={words.statusTitle}
        value={wanted.status === '' ? 'all' : wanted.status}
        choices={choices}
        onChange={(status) => want({ ...wanted, status: status === 'all' ? '' : status })}
      />
    </search>
  );
}
