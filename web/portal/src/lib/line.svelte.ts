// The line to the server as people see it: since when it is away, and what waits for it.
class Line {
  /** Since when nothing is heard; null while all is well. */
  awaySince = $state<Date | null>(null);
  /** Until when the server asked us to be slow; null when it does not. */
  slowUntil = $state<Date | null>(null);
  /** How many requests wait to be tried again. */
  waiting = $state(0);

  constructor() {
    addEventListener('offline', () => this.lost());
    addEventListener('beforeunload', (e) => {
      if (this.waiting > 0) e.preventDefault();
    });
  }

  heard(): void {
    this.awaySince = null;
    if (this.slowUntil && this.slowUntil < new Date()) this.slowUntil = null;
  }

  lost(): void {
    this.awaySince ??= new Date();
  }

  slowed(ms: number): void {
    this.slowUntil = new Date(Date.now() + ms);
  }
}

export const line = new Line();
