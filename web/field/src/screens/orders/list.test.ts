import { describe, expect, it } from 'vitest';
import type { Order } from '$field/lib/db';
import { arrange, lateness, listed, matches, wordsOfOrder } from './list';

const now = { day: '2026-11-27', time: '10:00' };
let n = 0;
const order = (o: Partial<Order>): Order => ({ id: String(++n), work_order_number: 'FP-' + n, client_code: '', state: 'assigned', priority: 'normal', field_status: 'new', due_date: null, due_time: null, start_date: null, tasks: [], ...o }) as Order;

describe('the list of orders', () => {
  it('groups by rework, rush, assigned, complete and upcoming', () => {
    const all = [
      order({ state: 'completed' }), order({ start_date: '2026-12-01' }), order({ priority: 'rush' }), order({ priority: 'rework', start_date: '2026-12-01' }),
      order({}), order({ state: 'published', priority: 'rework' }), order({ state: 'completed', priority: 'rush' }),
    ];
    expect(arrange(all, now).map((g) => [g.group, g.orders.length])).toEqual([['rework', 1], ['rush', 2], ['assigned', 1], ['complete', 2], ['upcoming', 1]]);
  });

  it('has what is under way first, then what was changed, what is done last, and the overdue before the others', () => {
    const done = order({ priority: 'rush', state: 'completed', due_date: '2026-11-01' });
    const late = order({ priority: 'rush', due_date: '2026-11-26' });
    const later = order({ priority: 'rush', due_date: '2026-12-26' });
    const never = order({ priority: 'rush' });
    const changed = order({ priority: 'rush', field_status: 'updated', due_date: '2026-12-24' });
    const going = order({ priority: 'rush', state: 'in_progress', due_date: '2027-01-01' });
    expect(arrange([done, never, later, late, changed, going], now)[0]?.orders.map((o) => o.id)).toEqual([going, changed, late, later, never, done].map((o) => o.id));
  });

  it('counts lateness in days, under a day in hours, and never of what is done', () => {
    expect(lateness(order({ due_date: '2026-11-27' }), now)).toBeNull();
    expect(lateness(order({ due_date: '2026-11-25' }), now)?.days).toBe(2);
    expect(lateness(order({ due_date: '2026-11-27', due_time: '07:00' }), now)).toEqual({ days: 0, hours: 3 });
    expect(lateness(order({ due_date: '2026-11-27', due_time: '10:01' }), now)).toBeNull();
    expect(lateness(order({ due_date: '2026-11-01', state: 'completed' }), now)).toBeNull();
  });

  it('keeps what was taken away only while something of it is unsent', () => {
    expect([listed(order({ gone: true }), 0), listed(order({ gone: true }), 2), listed(order({ state: 'closed' }), 0), listed(order({}), 0)]).toEqual([false, true, false, true]);
  });

  it('finds by any field, whatever the accents, and codes only while a session lasts', () => {
    const o = order({ address: { address1: '12 Peña Blanca', address2: '', city: 'Taylor', state: 'TX', zip: '76574', country: '' }, work_order_info: 'Box 0417', instructions: '<p>Trim <b>hedge</b></p>' } as Partial<Order>);
    expect(matches(wordsOfOrder(o, true), 'pena taylor')).toBe(true);
    expect(matches(wordsOfOrder(o, true), 'hedge 0417')).toBe(true);
    expect(matches(wordsOfOrder(o, false), '0417')).toBe(false);
    expect(matches(wordsOfOrder(o, true), 'taylor austin')).toBe(false);
  });
});
