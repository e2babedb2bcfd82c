// What both apps are built with. Each is a build of its own: a worker's relative addresses must resolve below /field/.
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin, UserConfig } from 'vite';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What a $name in an import means, in either app and in the tests of both. Of dexie the build for browsers of today is taken. */
export const alias = {
  dexie: at('./node_modules/dexie/dist/modern/dexie.mjs'),
  $kit: at('./kit'), $client: at('./client'), $lib: at('./portal/src/lib'), $field: at('./field/src'),
};

/** Lucide's icons are drawn by a part of ours. */
const ownIcon: Plugin = {
  name: 'own-icon',
  enforce: 'pre',
  resolveId: (name, from) => (name === '../Icon.svelte' && from?.includes('@lucide/svelte/') ? at('./kit/parts/Icon.svelte') : null),
};

/** The configuration of the app in a folder, which is served at base. */
export function app(folder: string, base: string): UserConfig {
  return {
    root: at(folder),
    base,
    plugins: [svelte({ configFile: at('./svelte.config.js') }), ownIcon],
    resolve: { alias },
    build: {
      outDir: at('./built/' + folder),
      emptyOutDir: true,
      target: 'es2022',
      assetsDir: 'assets',
      assetsInlineLimit: 0, // the content security policy takes no data: address
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: { checks: { pluginTimings: false } },
    },
    server: { proxy: { '/api': 'http://127.0.0.1:8080' } },
  };
}
