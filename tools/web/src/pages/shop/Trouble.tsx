// SPDX-License-Identifier: MIT
import type { Problem } from '../../api/problem';
import { Empty } from '../../components/Empty';
import { ErrorNote } from '../../components/ErrorNote';
import { Skeleton } from '../../components/Loading';
import { t } from '../../strings';
import { LinkButton } from './LinkButton';

/** What is shown of a thing that is not there yet, or not at all, or not for who asks. */
export function Trouble({ problem }: { problem: Problem | undefined }) {
  const { notThere, notThereHint, toProducts } = t().shop;
  if (problem === undefined) return <Skeleton lines={4} />;
  if (problem.status !== 404 && problem.status !== 403) return <ErrorNote problem={problem} />;
  return (
    <Empty icon="search" title={notThere} hint={notThereHint}>
      <LinkButton href="/shop">{toProducts}</LinkButton>
    </Empty>
  );
}
