// SPDX-License-Identifier: MIT
// How many pieces are left, in words, and alive.
import { Badge } from '../../components/Badge';
import { showNumber, t } from '../../strings';
import type { Known } from './stock';

const FEW = 5;

/** stocks: of all variants; those not known yet are left out. */
export function StockNote({ stocks }: { stocks: Known[] }) {
  const { stockUnknown, soldOut, left } = t().shop;
  const known = stocks.filter((stock) => stock !== undefined && stock !== null);
  if (known.length === 0) return <Badge>{stockUnknown}</Badge>;
  const available = known.reduce((sum, stock) => sum + stock.available, 0);
  if (available === 0) return <Badge tone="danger">{soldOut}</Badge>;
  return <Badge tone={available <= FEW ? 'warning' : 'good'}>{left(available, showNumber(available))}</Badge>;
}
