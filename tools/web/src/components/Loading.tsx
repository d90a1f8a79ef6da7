// SPDX-License-Identifier: MIT
import { t } from '../strings';
import './Loading.css';

/** A page that comes: seen only if that takes longer than a moment. */
export function Loading() {
  return (
    <div class="loading" role="status">
      <span class="spinner" />
      <span class="unseen">{t().common.loading}</span>
    </div>
  );
}

/** The shape of lines that come. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div class="skeleton" role="status">
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="skeleton-line" />
      ))}
      <span class="unseen">{t().common.loading}</span>
    </div>
  );
}
