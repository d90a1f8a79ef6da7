// SPDX-License-Identifier: MIT
/** Everybody who has an account. What is looked for stands in the address, so that going back finds it again. */
import { Link, useLocation, useSearch } from 'wouter-preact';
import { Avatar } from '../../components/Avatar';
import { Empty } from '../../components/Empty';
import { Listed } from '../../components/Listed';
import { Page } from '../../components/Page';
import { usePages } from '../../components/pages';
import { Rows } from '../../components/RowLink';
import { showDay, t } from '../../strings';
import { listPeople, type Person, type Wanted } from './calls';
import { StatusBadge } from './StatusBadge';
import { Tabs } from './Tabs';
import { STATUSES, UserFilter } from './UserFilter';

function wantedOf(search: string): Wanted {
  const parts = new URLSearchParams(search);
  const status = STATUSES.find((one) => one === parts.get('status')) ?? '';
  return { query: parts.get('query') ?? '', status };
}

function addressOf({ query, status }: Wanted): string {
  const parts = new URLSearchParams({ ...(query && { query }), ...(status && { status }) }).toString();
  return parts === '' ? '/admin/users' : `/admin/users?${parts}`;
}

function Row({ person }: { person: Person }) {
  return (
    <li>
      <Link href={`/admin/users/${person.id}`} class="row-link person">
        <Avatar name={person.name} id={person.id} />
        <span class="person-who">
          <strong>{person.name}</strong>
          <span class="soft small">{person.email}</span>
        </span>
        <span class="person-how">
          {person.role === 'ADMIN' && <span class="small">{t().admin.people.role.ADMIN}</span>}
          {person.status && <StatusBadge status={person.status} />}
        </span>
        {person.created_at && <span class="person-since soft small">{showDay(person.created_at)}</span>}
      </Link>
    </li>
  );
}

function Results({ wanted }: { wanted: Wanted }) {
  const pages = usePages((cursor) => listPeople(wanted, cursor), addressOf(wanted));
  const words = t().admin.people;
  const count = pages.items.length;
  return (
    <>
      <p class="soft small" role="status">
        {count > 0 && (pages.more ? words.shownMore : words.shown)(count)}
      </p>
      <Listed pages={pages} empty={<Empty icon="people" title={words.none} hint={words.noneText} />}>
        <Rows>
          {pages.items.map((person) => (
            <Row key={person.id} person={person} />
          ))}
        </Rows>
      </Listed>
    </>
  );
}

export function UsersPage() {
  const wanted = wantedOf(useSearch());
  const [, go] = useLocation();
  return (
    <Page title={t().admin.people.title} actions={<Tabs />} wide>
      <UserFilter wanted={wanted} want={(next) => go(addressOf(next), { replace: true })} />
      <Results wanted={wanted} />
    </Page>
  );
}
