// The moment in the account's zone, which goes on while one looks.
import { dayOf, timeOf } from '$kit/format';
import type { Moment } from '$field/screens/orders/list';

class Now {
  private ms = $state(Date.now());

  constructor() {
    setInterval(() => (this.ms = Date.now()), 30_000);
  }

  get moment(): Moment {
    const at = new Date(this.ms);
    return { day: dayOf(at), time: timeOf(at) };
  }
}

export const now = new Now();
