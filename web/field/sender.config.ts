// The sender as a file of its own, which the service worker reads when it has something to send.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { alias } from '../vite.shared.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: at('.'),
  resolve: { alias },
  publicDir: false,
  build: {
    outDir: at('../built/field'),
    emptyOutDir: false,
    target: 'es2022',
    lib: { entry: at('src/worker/sender.ts'), formats: ['iife'], name: 'sender', fileName: () => 'sender.js' },
    reportCompressedSize: false,
  },
});
