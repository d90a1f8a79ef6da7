// SPDX-License-Identifier: MIT
import type { ComponentType } from 'preact';
import type { IconName } from '../components/Icon';

/** A page: `path` as wouter has it, its parameters are its properties. */
export interface Route {
  path: string;
  page: ComponentType<any>;
  /** Of ADMINs; others are told that it is not for them. */
  admin?: boolean;
}

/** A place in the navigation: chosen on every path below `path`. */
export interface Place {
  path: string;
  icon: IconName;
  label: () => string;
  admin?: boolean;
  /** A number beside it, as of what is unread; 0 is not shown. */
  count?: () => number;
}

/** What a folder of pages adds to the app. */
export interface Part {
  routes: Route[];
  places: Place[];
}
