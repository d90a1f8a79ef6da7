// SPDX-License-Identifier: MIT
import { unreadTotal } from '../../state/rooms';
import { t } from '../../strings';
import type { Part } from '../part';
import Chat from './Chat';

export const chat: Part = {
  routes: [{ path: '/rooms/:id?', page: Chat }],
  places: [{ path: '/rooms', icon: 'chat', label: () => t().chat.title, count: () => unreadTotal.value }],
};
