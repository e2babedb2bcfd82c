// The service worker: the app from its own store, for every address below /field/, with and without a network.
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching';
import { NavigationRoute, registerRoute } from 'workbox-routing';
import { drain, standDown } from '../queue/sender';

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: { url: string; revision: string | null }[] };
type SyncEvent = ExtendableEvent & { tag: string };

precacheAndRoute(self.__WB_MANIFEST);
cleanupOutdatedCaches();
registerRoute(new NavigationRoute(createHandlerBoundToURL('/field/index.html')));

self.addEventListener('activate', (e) => e.waitUntil(self.clients.claim()));
// A new version waits for its person's word.
self.addEventListener('message', (e) => {
  if (e.data === 'take over') void self.skipWaiting();
  else if (e.data === 'stand down') standDown();
  else if (e.data === 'claim') e.waitUntil(self.clients.claim());
});
// Where the browser has it: sending goes on when the network is back, with the app closed.
self.addEventListener('sync', (e) => {
  const event = e as SyncEvent;
  if (event.tag === 'send') event.waitUntil(drain());
});
