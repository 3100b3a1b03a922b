/** Both languages are in the first load, so that switching needs neither a reload nor the network. */
import { createI18n } from 'vue-i18n'
import { en } from './en'
import { zhCN } from './zh-CN'

export const i18n = createI18n({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'en',
  // One, and everything else: also where "—" stands for a number that is not known.
  pluralRules: { en: (n) => (n === 1 ? 0 : 1) },
  messages: { 'zh-CN': zhCN, en },
})
