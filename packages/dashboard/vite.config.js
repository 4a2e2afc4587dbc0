import { defineConfig } from 'vite';

// Relative addresses, so that the app works under whatever path it is served; nothing inlined, so that it needs no
// exception from a strict Content-Security-Policy.
export default defineConfig({
  base: './',
  build: { outDir: 'dist', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  logLevel: 'warn',
});
