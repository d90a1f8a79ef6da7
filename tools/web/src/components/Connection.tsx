// SPDX-License-Identifier: MIT
import { useEffect, useState } from 'preact/hooks';
import { live } from '../api/live';
import { late, link } from '../state/connection';
import { t } from '../strings';
import { Button } from './Button';
import './Connection.css';

const PATIENCE_MS = 2500;

/** Said only when it lasts: what heals by itself within moments needs nobody's attention. */
function useLasting(value: boolean): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLasts(value), value ? PATIENCE_MS : 0);
    return () => clearTimeout(timer);
  }, [value]);
  return value && lasts;
}

function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const change = (): void => setOnline(navigator.onLine);
    addEventListener('online', change);
    addEventListener('offline', change);
    return () => {
      removeEventListener('online', change);
      removeEventListener('offline', change);
    };
  }, []);
  return online;
}

/** A line above the page while the server cannot be reached. */
export function Connection() {
  const lost = useLasting(link.value === 'waiting' || link.value === 'connecting');
  const online = useOnline();
  return (
    <div class="connection" role="status">
      {lost && (
        <div class="connection-line">
          <span>{online ? t().common.reconnecting : t().common.offline}</span>
          {online && (
            <Button kind="quiet" onClick={() => live.tryNow()}>
              {t().common.reconnectNow}
            </Button>
          )}
        </div>
      )}
      {!lost && late.value > 0 && <div class="connection-line">{t().common.late}</div>}
    </div>
  );
}
