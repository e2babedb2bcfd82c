// While something is being sent and the browser sends only under the eyes of its person, the screen stays on where that works.
type Lock = { release(): Promise<void>; addEventListener(type: 'release', f: () => void): void };
const lockable = () => (navigator as { wakeLock?: { request(kind: 'screen'): Promise<Lock> } }).wakeLock;

/** Whether the browser sends with the app closed. */
export function sendsInBackground(): boolean {
  return typeof ServiceWorkerRegistration !== 'undefined' && 'sync' in ServiceWorkerRegistration.prototype;
}

let held: Lock | null = null;
let asking = false;

/** `waiting` is how much is on its way. */
export function stayAwake(waiting: number, paused: boolean): void {
  const wanted = !sendsInBackground() && !paused && waiting > 0 && document.visibilityState === 'visible';
  if (!wanted) {
    void held?.release().catch(() => undefined);
    held = null;
    return;
  }
  if (held || asking || !lockable()) return;
  asking = true;
  lockable()!
    .request('screen')
    .then((l) => {
      held = l;
      l.addEventListener('release', () => (held = null));
    })
    .catch(() => undefined)
    .finally(() => (asking = false));
}
