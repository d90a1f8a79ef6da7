// SPDX-License-Identifier: MIT
/** The head of a room: its name, the way back, who is in it. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { Icon } from '../../components/Icon';
import type { Room } from '../../state/rooms';
import { showNumber, t } from '../../strings';
import { Members } from './Members';

export function Head({ name, locked = false, children }: { name: string; locked?: boolean; children?: ComponentChildren }) {
  return (
    <header class="room-head">
      <Link href="/rooms" class="button button-quiet button-icon room-back" aria-label={t().chat.backToRooms}>
        <Icon name="back" />
      </Link>
      {locked && <Icon name="lock" size={18} />}
      <h1 class="room-head-name">
        <bdi>{name}</bdi>
        {locked && <span class="unseen"> ({t().chat.privateRoom})</span>}
      </h1>
      {children}
    </header>
  );
}

export function RoomHead({ room, me }: { room: Room; me: string }) {
  const [open, setOpen] = useState(false);
  return (
    <Head name={room.name} locked={room.visibility === 'private'}>
      <button type="button" class="button button-quiet numbers" onClick={() => setOpen(true)}>
        <Icon name="people" size={20} />
        <span aria-hidden="true">{showNumber(room.member_count)}</span>
        <span class="unseen">{t().chat.memberCount(room.member_count)}</span>
      </button>
      {open && <Members room={room} me={me} onClose={() => setOpen(false)} />}
    </Head>
  );
}
