// The service worker, and new versions: they wait until neither camera nor survey is open and nothing is written, then ask.
import { trustedScript } from '$kit/trusted';
import { busy } from './busy.svelte';
import { within } from './clock';
import { drawn } from './drawn';

class Version {
  private waiting = $state.raw<ServiceWorker | null>(null);
  /** Another tab took the new version, or parts of this one are gone. */
  stale = $state(false);
  private taking = false;

  /** There is a new version, and nothing that it would interrupt. */
  get ready(): boolean {
    return (this.waiting !== null || this.stale) && !busy.is;
  }

  /** Goes over to the new version. */
  take(): void {
    if (this.taking) return;
    this.taking = true;
    if (!this.waiting) {
      location.reload();
      return;
    }
    const over = () => {
      navigator.serviceWorker.controller?.postMessage('stand down');
      this.waiting?.postMessage('take over');
    };
    over();
    setInterval(over, 2000); // a worker that was put to sleep meanwhile has forgotten it
  }

  async start(): Promise<void> {
    addEventListener('vite:preloadError', (e) => {
      e.preventDefault();
      this.stale = true;
    });
    // Screens that were not loaded yet are gone with their version: the browser, not the router, leads to them in the new one.
    addEventListener('click', (e) => {
      if (this.stale && (e.target as Element).closest?.('a[href^="/field/"]')) e.stopImmediatePropagation();
    }, true);
    addEventListener('popstate', (e) => {
      if (!this.stale) return;
      e.stopImmediatePropagation();
      location.reload();
    });
    if (!('serviceWorker' in navigator) || !import.meta.env.PROD) return;
    const { serviceWorker } = navigator;
    let controlled = serviceWorker.controller !== null;
    serviceWorker.addEventListener('controllerchange', () => {
      if (this.taking) location.reload();
      else if (controlled) this.stale = true;
      controlled = true;
    });
    await drawn();
    const registration = await serviceWorker.register(trustedScript('/field/sw.js'), { scope: '/field/', updateViaCache: 'none' });
    // A page that was opened while the worker became active is nobody's, and would find none of its parts without a network.
    if (!serviceWorker.controller) void serviceWorker.ready.then((r) => serviceWorker.controller ?? r.active?.postMessage('claim'));
    const installed = (worker: ServiceWorker | null) => {
      if (worker?.state === 'installed' && controlled) this.waiting = worker;
    };
    installed(registration.waiting);
    registration.addEventListener('updatefound', () => {
      const worker = registration.installing;
      worker?.addEventListener('statechange', () => installed(worker));
    });
    let asked = Date.now();
    document.addEventListener('visibilitychange', () => {
      if (document.hidden || within(30 * 60_000, asked)) return;
      asked = Date.now();
      void registration.update().catch(() => undefined);
    });
  }
}

export const version = new Version();
