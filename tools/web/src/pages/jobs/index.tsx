// SPDX-License-Identifier: MIT
import type { Part } from '../part';

export const jobs: Part = { routes: [], places: [] };
