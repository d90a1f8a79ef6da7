// SPDX-License-Identifier: MIT
import type { Part } from '../part';

export const admin: Part = { routes: [], places: [] };
