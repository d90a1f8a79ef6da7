// SPDX-License-Identifier: MIT
// One product, asked for again now and then: a variant may come. Its stock moves faster, and is watched apart.
import { useEffect, useState } from 'preact/hooks';
import { Problem } from '../../api/problem';
import { poll } from '../../components/poll';
import { type Product, showProduct } from './api';

const AGAIN_MS = 30000;

export interface Shown {
  product?: Product;
  problem?: Problem;
}

export function useProduct(id: string): Shown {
  const [shown, setShown] = useState<Shown>({});
  useEffect(() => {
    let tag: string | undefined;
    const ask = async () => {
      try {
        const answered = await showProduct(id, tag);
        if (answered !== undefined) {
          tag = answered.tag;
          setShown({ product: answered.value });
        }
      } catch (thrown) {
        setShown((now) => (now.product === undefined ? { problem: Problem.of(thrown) } : now));
      }
    };
    return poll(ask, () => AGAIN_MS);
  }, [id]);
  return shown;
}
