// SPDX-License-Identifier: MIT
/** One account, and whether its user may act. */
import { useState } from 'preact/hooks';
import { Avatar } from '../../components/Avatar';
import { Button } from '../../components/Button';
import { Facts } from '../../components/Facts';
import { useLoaded } from '../../components/hooks';
import { Page } from '../../components/Page';
import { Shown } from '../../components/Shown';
import { user } from '../../state/session';
import { showDay, showMoment, t } from '../../strings';
import { getPerson, type Held, type Person, type Status } from './calls';
import { StatusBadge } from './StatusBadge';
import { StatusDialog } from './StatusDialog';

const CHANGES = [
  ['ACTIVE', 'activate'],
  ['INACTIVE', 'deactivate'],
  ['SUSPENDED', 'suspend'],
] as const;

function factsOf(person: Person): [string, string | undefined][] {
  const words = t().admin.people;
  const full = [person.first_name, person.last_name].filter(Boolean).join(' ');
  return [
    [words.email, person.email],
    [words.name, full || undefined],
    [words.roleTitle, words.role[person.role ?? 'USER']],
    [words.since, person.created_at && showDay(person.created_at)],
    [words.updated, person.updated_at && showMoment(person.updated_at)],
    [words.reason, person.status_reason || undefined],
    [words.info, person.info],
    [words.id, person.id],
  ];
}

function Changes({ person, choose }: { person: Person; choose: (status: Status) => void }) {
  const words = t().admin.people;
  return (
    <div class="user-acts">
      {CHANGES.filter(([status]) => status !== person.status).map(([status, name]) => (
        <Button key={status} kind={status === 'SUSPENDED' ? 'danger' : 'plain'} onClick={() => choose(status)}>
          {words[name]}
        </Button>
      ))}
    </div>
  );
}

interface AccountProperties {
  held: Held;
  show: (held: Held) => void;
  again: () => void;
}

/** Nobody cuts off themselves here. */
function Account({ held, show, again }: AccountProperties) {
  const [chosen, choose] = useState<Status>();
  const person = held.value;
  const mine = person.id === user.value?.id;
  return (
    <section class="card">
      <div class="person-head">
        <Avatar name={person.name} id={person.id} size="large" />
        {person.status && <StatusBadge status={person.status} />}
        {mine && <span class="soft">{t().common.you}</span>}
      </div>
      <Facts facts={factsOf(person)} />
      {!mine && <Changes person={person} choose={choose} />}
      {chosen && <StatusDialog held={held} status={chosen} show={show} again={again} close={() => choose(undefined)} />}
    </section>
  );
}

export function UserPage({ id }: { id: string }) {
  const loaded = useLoaded(() => getPerson(id), [id]);
  return (
    <Page title={loaded.value?.value.name ?? t().admin.people.title} back="/admin/users">
      <Shown from={loaded}>{(held) => <Account held={held} show={loaded.set} again={loaded.again} />}</Shown>
    </Page>
  );
}
