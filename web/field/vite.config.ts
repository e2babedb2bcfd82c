import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// A build of its own: a worker's relative addresses must resolve below /field/.
export default defineConfig({
  root: at('.'),
  base: '/field/',
  plugins: [
    svelte({ configFile: at('../svelte.config.js') }),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src/worker',
      filename: 'sw.ts',
      injectRegister: false, // the policy refuses an address as a plain text: see $kit/trusted
      injectManifest: { globPatterns: ['**/*.{js,css,html,woff2,svg,png}'], rollupFormat: 'iife' },
      manifest: {
        id: '/field/',
        name: 'Fieldproof',
        short_name: 'Fieldproof',
        description: 'Field work orders and their photo proof.',
        start_url: '/field/',
        scope: '/field/',
        display: 'standalone',
        background_color: '#ffffff',
        theme_color: '#17508f',
        icons: [
          { src: 'icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: 'icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: 'icon-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        ],
      },
    }),
  ],
  resolve: { alias: { $kit: at('../kit'), $client: at('../client'), $field: at('./src') } },
  worker: { format: 'es' },
  build: {
    outDir: at('../built/field'),
    emptyOutDir: true,
    target: 'es2022',
    assetsDir: 'assets',
    assetsInlineLimit: 0, // the content security policy takes no data: address
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8080' } },
});
