// Whether the server can be reached, as people see it.
import { line } from './net';

class Reach {
  away = $state(!navigator.onLine);

  constructor() {
    line.addEventListener('heard', () => (this.away = false));
    line.addEventListener('lost', () => (this.away = true));
    addEventListener('offline', () => (this.away = true));
    addEventListener('online', () => (this.away = false));
  }
}

export const reach = new Reach();
