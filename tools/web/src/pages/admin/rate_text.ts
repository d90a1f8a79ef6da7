// SPDX-License-Identifier: MIT
import { showNumber } from '../../strings';

/** undefined: nobody knows. */
export const rateText = (rate: number | undefined): string => (rate === undefined ? '–' : showNumber(rate));
