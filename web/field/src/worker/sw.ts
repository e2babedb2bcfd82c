// The service worker: the app from its own store, for every address below /field/, with and without a network.
import { trustedScript } from '$kit/trusted';
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching';
import { NavigationRoute, registerRoute } from 'workbox-routing';

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: { url: string; revision: string | null }[]; sender?: typeof import('./sender') };
type SyncEvent = ExtendableEvent & { tag: string };

precacheAndRoute(self.__WB_MANIFEST);
cleanupOutdatedCaches();
registerRoute(new NavigationRoute(createHandlerBoundToURL('/field/index.html')));

let retired = false;
// The sender, its database and all are read when there is something to send: who opens the app waits until this worker has started.
// Browsers read later only what was read while the worker was installed.
function sender() {
  if (!self.sender) importScripts(trustedScript('/field/sender.js') as unknown as string);
  return self.sender!;
}
self.addEventListener('install', () => void sender());
self.addEventListener('activate', (e) => e.waitUntil(self.clients.claim()));
// A new version waits for its person's word.
self.addEventListener('message', (e) => {
  if (e.data === 'take over') void self.skipWaiting();
  else if (e.data === 'claim') e.waitUntil(self.clients.claim());
  else if (e.data === 'stand down') {
    retired = true;
    self.sender?.standDown();
  }
});
// Where the browser has it: sending goes on when the network is back, with the app closed.
self.addEventListener('sync', (e) => {
  const event = e as SyncEvent;
  if (event.tag === 'send' && !retired) event.waitUntil(sender().drain());
});
