/** What this browser remembers: language, theme, sound. Nothing here belongs to the account. */
import { defineStore } from 'pinia'
import { computed, ref, watch, watchEffect } from 'vue'
import { setLanguage } from '@/api/http'
import type { Locale } from '@/api/types'
import { i18n } from '@/i18n'

export type Theme = 'system' | 'day' | 'night'

function read(key: string): string | null {
  try {
    return localStorage.getItem(`vedette.${key}`)
  } catch {
    return null // storage may be forbidden; the preference then lasts as long as the page
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(`vedette.${key}`, value)
  } catch {
    // as above
  }
}

const ofBrowser = (): Locale =>
  (navigator.languages[0] ?? navigator.language).toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'

export const usePreferences = defineStore('preferences', () => {
  const stored = read('locale')
  const locale = ref<Locale>(stored === 'zh-CN' || stored === 'en' ? stored : ofBrowser())
  const theme = ref<Theme>((read('theme') as Theme | null) ?? 'system')
  const sound = ref(read('sound') !== 'off')

  const system = window.matchMedia('(prefers-color-scheme: dark)')
  const systemDark = ref(system.matches)
  system.addEventListener('change', (event) => {
    systemDark.value = event.matches
  })
  const night = computed(() => theme.value === 'night' || (theme.value === 'system' && systemDark.value))

  watchEffect(() => {
    i18n.global.locale.value = locale.value
    document.documentElement.lang = locale.value
    setLanguage(locale.value)
  })
  watchEffect(() => {
    document.documentElement.classList.toggle('night', night.value)
  })
  watch(locale, (value) => write('locale', value))
  watch(theme, (value) => write('theme', value))
  watch(sound, (value) => write('sound', value ? 'on' : 'off'))

  return { locale, theme, sound, night }
})
