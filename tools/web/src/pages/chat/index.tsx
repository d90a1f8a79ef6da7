// SPDX-License-Identifier: MIT
import type { Part } from '../part';

export const chat: Part = { routes: [], places: [] };
