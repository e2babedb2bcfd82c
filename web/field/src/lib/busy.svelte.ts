// Whether somebody is in the middle of something that a new version must not interrupt.
import { untrack } from 'svelte';
import { onWrites } from './store';

class Busy {
  private holds = $state(0);
  private writes = $state(0);

  constructor() {
    onWrites((n) => (this.writes = n));
  }

  /** While camera or survey is open: a new version waits. What it returns lets go. An effect that holds does not wait for itself. */
  hold(): () => void {
    untrack(() => this.holds++);
    let held = true;
    return () => {
      if (held) untrack(() => this.holds--);
      held = false;
    };
  }

  get is(): boolean {
    return this.holds > 0 || this.writes > 0;
  }
}

export const busy = new Busy();
