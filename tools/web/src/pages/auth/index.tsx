// SPDX-License-Identifier: MIT
import { lazy } from '../../components/lazy';
import type { Part } from '../part';

export { LogInAgain } from './LogInAgain';
export { WayIn } from './WayIn';

/** Its place in the navigation is the person itself (app.tsx). */
export const auth: Part = {
  routes: [{ path: '/settings', page: lazy(() => import('./Settings')) }],
  places: [],
};
