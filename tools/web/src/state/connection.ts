// SPDX-License-Identifier: MIT
/** How things stand between this page and the server, for whoever shows it. */
import { signal } from '@preact/signals';

/** off: nobody is logged in; waiting: for the time of the next try; on: events come. */
export type Link = 'off' | 'connecting' | 'waiting' | 'on';

/** Of the live connection. */
export const link = signal<Link>('off');
