// SPDX-License-Identifier: MIT
import type { Problem } from '../api/problem';
import { t } from '../strings';
import { Button } from './Button';
import { Icon } from './Icon';
import './Note.css';

/** A problem in the language of the page. */
export function problemText(problem: Problem): string {
  return t().common.problems[problem.code] ?? (problem.detail || t().common.problems.internal!);
}

/** What went wrong, told at once to screen readers; `again`: what to do about it. */
export function ErrorNote({ problem, text, again }: { problem: Problem | undefined; text?: string | undefined; again?: () => void }) {
  return (
    <div class="alert" role="alert">
      {problem && (
        <div class="note note-danger">
          <Icon name="alert" size={20} />
          <div class="note-text">
            <p>{text ?? problemText(problem)}</p>
            {problem.status >= 500 && problem.requestId && <p class="small mono">{t().common.requestId(problem.requestId)}</p>}
          </div>
          {again && (
            <Button kind="quiet" icon="refresh" onClick={again}>
              {t().common.tryAgain}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
