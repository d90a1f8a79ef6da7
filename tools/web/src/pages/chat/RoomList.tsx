// SPDX-License-Identifier: MIT
/** The rooms that one is in, the liveliest first. Arrow keys go from one to the next. */
import { Link } from 'wouter-preact';
import { Avatar } from '../../components/Avatar';
import { Count } from '../../components/Badge';
import { Icon } from '../../components/Icon';
import { activityOf, myRooms, unreadOf, type Room } from '../../state/rooms';
import { t } from '../../strings';
import { nameOf } from './Name';
import { showRecent } from './recent';
import './room_list.css';

function Last({ room, me }: { room: Room; me: string }) {
  const { last } = room;
  if (last === undefined) return <span class="room-last">{t().chat.nothingSaid}</span>;
  const who = last.author === me ? t().common.you : nameOf(last.author);
  return (
    <span class="room-last">
      {who !== '' && <bdi>{who}: </bdi>}
      {last.text}
    </span>
  );
}

function Row({ room, me, here }: { room: Room; me: string; here: boolean }) {
  const unread = unreadOf(room);
  return (
    <li>
      <Link
        href={`/rooms/${room.id}`}
        class={`room-row ${here ? 'room-row-here' : ''} ${unread > 0 ? 'room-row-unread' : ''}`}
        aria-current={here ? 'page' : undefined}
      >
        <Avatar id={room.id} name={room.name} />
        <span class="room-name">
          {room.visibility === 'private' && <Icon name="lock" size={14} />}
          {room.visibility === 'private' && <span class="unseen">{t().chat.privateRoom} </span>}
          <bdi>{room.name}</bdi>
        </span>
        <time class="room-time" dateTime={activityOf(room)}>
          {showRecent(activityOf(room))}
        </time>
        <Last room={room} me={me} />
        <span class="room-mark">
          <Count value={unread} label={t().chat.unread(unread)} />
        </span>
      </Link>
    </li>
  );
}

function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...event.currentTarget.querySelectorAll('a')];
  const at = links.findIndex((link) => link === document.activeElement);
  if (step === undefined || at < 0) return;
  event.preventDefault();
  links[at + step]?.focus();
}

export function RoomList({ me, here }: { me: string; here: string | undefined }) {
  return (
    <ul aria-label={t().chat.rooms} onKeyDown={moveFocus}>
      {myRooms.value.map((room) => (
        <Row key={room.id} room={room} me={me} here={room.id === here} />
      ))}
    </ul>
  );
}
