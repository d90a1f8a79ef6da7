// SPDX-License-Identifier: MIT
/** Who is in a room, and the way out of it. */
import { useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { Avatar } from '../../components/Avatar';
import { Badge } from '../../components/Badge';
import { Button } from '../../components/Button';
import { Dialog } from '../../components/Dialog';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction } from '../../components/hooks';
import { Listed } from '../../components/Listed';
import { usePages } from '../../components/pages';
import type { Room } from '../../state/rooms';
import { readMembers, type Member } from '../../state/rooms_api';
import { leave } from '../../state/rooms_live';
import { t } from '../../strings';
import { Name, nameOf } from './Name';
import './members.css';

function MemberRow({ member, me }: { member: Member; me: string }) {
  return (
    <li class="member">
      <Avatar id={member.user} name={nameOf(member.user)} size="small" />
      <Name id={member.user} />
      {member.user === me && <Badge>{t().common.you}</Badge>}
      {member.role === 'owner' && <Badge tone="accent">{t().chat.owner}</Badge>}
    </li>
  );
}

function Leave({ room }: { room: Room }) {
  const [sure, setSure] = useState(false);
  const [, go] = useLocation();
  const out = useAction(async () => {
    await leave(room.id);
    go('/rooms');
  });
  return (
    <div class="members-leave">
      {sure && <p>{room.visibility === 'private' ? t().chat.leavePrivateHint : t().chat.leaveHint}</p>}
      <ErrorNote problem={out.problem} />
      <Button kind={sure ? 'danger' : 'quiet'} busy={out.busy} onClick={() => (sure ? void out.run() : setSure(true))}>
        {t().chat.leave}
      </Button>
    </div>
  );
}

export function Members({ room, me, onClose }: { room: Room; me: string; onClose: () => void }) {
  const pages = usePages((cursor) => readMembers(room.id, cursor), room.id);
  return (
    <Dialog title={t().chat.members} onClose={onClose}>
      <div class="members">
        <Listed pages={pages}>
          <ul>
            {pages.items.map((member) => (
              <MemberRow key={member.user} member={member} me={me} />
            ))}
          </ul>
        </Listed>
      </div>
      {room.joined && <Leave room={room} />}
    </Dialog>
  );
}
