import { defineConfig, mergeConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import { app } from '../vite.shared.ts';

export default defineConfig(mergeConfig(app('field', '/field/'), {
  plugins: [
    // Nothing stands on the page before its script has run: it is drawn once, not first as an empty one.
    { name: 'drawn-once', transformIndexHtml: { order: 'post', handler: (html: string) => html.replace('<script type="module"', '<script type="module" blocking="render"') } },
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
  worker: { format: 'es' },
}));
