// SPDX-License-Identifier: MIT
// Orders what is in the basket, once, whatever happens to the answers.
import { Problem } from '../../api/problem';
import { type Order, createOrder } from './api';
import { basket, beginAttempt, endAttempt } from './basket';

/** order and problem absent: there was nothing to order. unknown: whether it was ordered is not known; asking again tells. */
export interface Placed {
  order?: Order;
  problem?: Problem;
  unknown?: boolean;
}

/** The server has seen it, and does not do it, now or later. */
const isRefusal = (problem: Problem) =>
  problem.status >= 400 && problem.status < 500 && ![401, 408, 409, 429].includes(problem.status);

async function ask(): Promise<Placed> {
  const attempt = beginAttempt();
  if (attempt === undefined) {
    return {};
  }
  const lines = basket.value.lines.map(({ sku, quantity }) => ({ sku, quantity }));
  try {
    const order = await createOrder(lines, attempt.key);
    endAttempt(true);
    return { order };
  } catch (error) {
    const problem = Problem.of(error);
    const refused = isRefusal(problem);
    if (refused) {
      endAttempt(false);
    }
    return { problem, unknown: !refused };
  }
}

/** Tabs order one after the other, so that the second finds what the first has done. */
export async function placeOrder(): Promise<Placed> {
  return 'locks' in navigator ? navigator.locks.request('doran.order', ask) : ask();
}
