// SPDX-License-Identifier: MIT
/** The rows of a room's history. */
import { Avatar } from '../../components/Avatar';
import { showDay, showTime, t } from '../../strings';
import { Linked } from './Linked';
import { Name, nameOf } from './Name';
import { messageKey, type Group, type Row, type Shown } from './rows';
import { UnsentStatus } from './UnsentStatus';

function Message({ entry }: { entry: Shown }) {
  return (
    <div class="message" data-key={messageKey(entry)} data-unsent={entry.unsent?.state}>
      <p class="message-text">
        <Linked text={entry.text ?? ''} />
      </p>
      {entry.unsent && <UnsentStatus item={entry.unsent} />}
    </div>
  );
}

function GroupRow({ group, mine }: { group: Group; mine: boolean }) {
  return (
    <article class={mine ? 'group group-mine' : 'group'}>
      {!mine && <Avatar id={group.author ?? ''} name={nameOf(group.author)} />}
      <div class="group-body">
        <header class="group-head">
          {mine ? <span class="unseen">{t().common.you}</span> : <Name id={group.author} />}
          <time dateTime={group.at}>{showTime(group.at)}</time>
        </header>
        {group.messages.map((entry) => (
          <Message key={messageKey(entry)} entry={entry} />
        ))}
      </div>
    </article>
  );
}

function NoteRow({ entry }: { entry: Shown }) {
  const name = nameOf(entry.author);
  return (
    <p class="history-note" data-key={entry.seq}>
      {entry.type !== 'message' && name !== '' && t().chat.notes[entry.type](name)}
    </p>
  );
}

export function RowView({ row, me }: { row: Row; me: string }) {
  switch (row.kind) {
    case 'day':
      return (
        <h2 class="history-day">
          <time dateTime={row.at}>{showDay(row.at)}</time>
        </h2>
      );
    case 'unread':
      return (
        <p class="history-unread" data-key="unread">
          <span>{t().chat.unreadFrom}</span>
        </p>
      );
    case 'note':
      return <NoteRow entry={row.entry} />;
    case 'group':
      return <GroupRow group={row} mine={row.author === me} />;
  }
}
