// SPDX-License-Identifier: MIT
import { Badge } from '../../components/Badge';
import { t } from '../../strings';
import type { Status } from './calls';

const TONES = { ACTIVE: 'good', INACTIVE: 'neutral', SUSPENDED: 'danger' } as const;

export function StatusBadge({ status }: { status: Status }) {
  return <Badge tone={TONES[status]}>{t().admin.people.status[status]}</Badge>;
}
