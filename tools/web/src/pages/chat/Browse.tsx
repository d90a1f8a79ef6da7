// SPDX-License-Identifier: MIT
/** Public rooms, to look into and to join. */
import { Link } from 'wouter-preact';
import { Avatar } from '../../components/Avatar';
import { Badge } from '../../components/Badge';
import { Empty } from '../../components/Empty';
import { useTitle } from '../../components/hooks';
import { Listed } from '../../components/Listed';
import { usePages } from '../../components/pages';
import { rooms } from '../../state/rooms';
import { readPublicRooms, type RoomView } from '../../state/rooms_api';
import { t } from '../../strings';
import { Head } from './RoomHead';
import './room_list.css';

function PublicRoom({ room }: { room: RoomView }) {
  return (
    <li>
      <Link href={`/rooms/${room.id}`} class="room-row">
        <Avatar id={room.id} name={room.name} />
        <bdi class="room-name">{room.name}</bdi>
        <span class="room-last">{t().chat.memberCount(room.member_count)}</span>
        {rooms.value.get(room.id)?.joined === true && (
          <span class="room-mark">
            <Badge tone="accent">{t().chat.joined}</Badge>
          </span>
        )}
      </Link>
    </li>
  );
}

export function Browse() {
  useTitle(t().chat.browse);
  const pages = usePages(readPublicRooms);
  const none = <Empty icon="chat" title={t().chat.noPublic} hint={t().chat.noPublicHint} />;
  return (
    <section class="room" aria-label={t().chat.browse}>
      <Head name={t().chat.browse} />
      <div class="browse">
        <Listed pages={pages} empty={none}>
          <ul>
            {pages.items.map((room) => (
              <PublicRoom key={room.id} room={room} />
            ))}
          </ul>
        </Listed>
      </div>
    </section>
  );
}
