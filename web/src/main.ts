import 'element-plus/theme-chalk/base.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/element.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { onSignedOut } from './api/http'
import { i18n } from './i18n'
import { stopLive } from './live/live'
import { router } from './router'

const app = createApp(App).use(createPinia()).use(i18n).use(router)

onSignedOut(() => {
  const here = router.currentRoute.value
  if (here.name === 'sign-in') return
  stopLive()
  // A full load: nothing of this account may stay in memory for the next one.
  location.assign(router.resolve({ name: 'sign-in', query: { next: here.fullPath, ended: '1' } }).href)
})

app.mount('#app')
