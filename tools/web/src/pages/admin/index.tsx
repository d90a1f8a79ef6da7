// SPDX-License-Identifier: MIT
import { lazy } from '../../components/lazy';
import { t } from '../../strings';
import type { Part } from '../part';

const ServerPage = lazy(async () => ({ default: (await import('./pages')).ServerPage }));
const UsersPage = lazy(async () => ({ default: (await import('./pages')).UsersPage }));
const UserPage = lazy(async () => ({ default: (await import('./pages')).UserPage }));

export const admin: Part = {
  routes: [
    { path: '/admin', page: ServerPage, admin: true },
    { path: '/admin/users', page: UsersPage, admin: true },
    { path: '/admin/users/:id', page: UserPage, admin: true },
  ],
  places: [{ path: '/admin', icon: 'gauge', label: () => t().admin.title, admin: true }],
};
