import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// The build is carried inside the Python package `api`; `VEDETTE_DEV_TARGET` is only for `npm run dev`.
export default defineConfig({
  plugins: [vue()],
  define: {
    __VUE_OPTIONS_API__: 'true',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  resolve: { alias: { '@': new URL('./src', import.meta.url).pathname } },
  build: {
    outDir: '../api/static',
    emptyOutDir: true,
    target: 'es2022',
    // A data: URL would need a wider content security policy than 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    proxy: { '/api': process.env.VEDETTE_DEV_TARGET ?? 'http://127.0.0.1:8000' },
  },
})
