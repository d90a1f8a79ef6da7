// SPDX-License-Identifier: MIT
import { lazy } from '../../components/lazy';
import { t } from '../../strings';
import type { Part } from '../part';

const JobsPage = lazy(async () => ({ default: (await import('./pages')).JobsPage }));
const JobPage = lazy(async () => ({ default: (await import('./pages')).JobPage }));
const PlanPage = lazy(async () => ({ default: (await import('./pages')).PlanPage }));
const RunPage = lazy(async () => ({ default: (await import('./pages')).RunPage }));

export const jobs: Part = {
  routes: [
    { path: '/jobs', page: JobsPage, admin: true },
    { path: '/jobs/:name', page: JobPage, admin: true },
    { path: '/jobs/:name/plan', page: PlanPage, admin: true },
    { path: '/jobs/:name/runs/:run', page: RunPage, admin: true },
  ],
  places: [{ path: '/jobs', icon: 'clock', label: () => t().jobs.title, admin: true }],
};
