// SPDX-License-Identifier: MIT
import { Badge, type Tone } from '../../components/Badge';
import { t } from '../../strings';
import type { OrderState } from './api';

const tones: Record<OrderState, Tone> = {
  PENDING: 'neutral',
  RESERVED: 'accent',
  PAID: 'good',
  REJECTED: 'danger',
  CANCELLED: 'neutral',
  EXPIRED: 'warning',
};

export function OrderBadge({ state }: { state: OrderState }) {
  return <Badge tone={tones[state]}>{t().shop.states[state]}</Badge>;
}
