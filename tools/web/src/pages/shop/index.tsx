// SPDX-License-Identifier: MIT
import type { Part } from '../part';

export const shop: Part = { routes: [], places: [] };
