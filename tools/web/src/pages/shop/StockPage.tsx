// SPDX-License-Identifier: MIT
// The stock of one SKU, how it is changed, and what changed it. For administrators.
import { Problem } from '../../api/problem';
import { Facts } from '../../components/Facts';
import { Listed } from '../../components/Listed';
import { Card, Page } from '../../components/Page';
import { usePages } from '../../components/pages';
import { showNumber, t } from '../../strings';
import { type Stock, listLedger } from './api';
import { AdjustForm } from './AdjustForm';
import { Ledger } from './Ledger';
import { productPath } from './paths';
import { refreshStock, stockOf, useStock } from './stock';
import { Trouble } from './Trouble';
import './shop.css';

function Numbers({ stock }: { stock: Stock }) {
  const { onHand, reserved, available } = t().shop;
  return (
    <Facts
      facts={[
        [available, showNumber(stock.available)],
        [reserved, showNumber(stock.reserved)],
        [onHand, showNumber(stock.on_hand)],
      ]}
    />
  );
}

function Shown({ stock }: { stock: Stock }) {
  const words = t().shop;
  const pages = usePages((cursor) => listLedger(stock.sku, cursor), stock.sku);
  const done = () => {
    void refreshStock(stock.sku);
    pages.restart();
  };
  return (
    <>
      <Card title={stock.sku}>
        <Numbers stock={stock} />
      </Card>
      <Card title={words.adjust}>
        <AdjustForm sku={stock.sku} onDone={done} />
      </Card>
      <Card title={words.ledger}>
        <p class="soft small">{words.ledgerHint}</p>
        <Listed pages={pages} empty={<p>{words.noLedger}</p>}>
          <Ledger entries={pages.items} />
        </Listed>
      </Card>
    </>
  );
}

export function StockPage({ sku }: { sku: string }) {
  const stock = stockOf(sku).value;
  useStock([sku]);
  return (
    <Page title={t().shop.stockOf(stock?.name ?? sku)} back={stock ? productPath(stock.product) : '/shop'}>
      {stock ? <Shown stock={stock} /> : <Trouble problem={stock === null ? new Problem({ status: 404, code: 'not_found' }) : undefined} />}
    </Page>
  );
}
