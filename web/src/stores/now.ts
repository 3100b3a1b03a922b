/** One clock for every age on screen, in server time, moved each half second. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { useFeed } from './feed'

export const useNow = defineStore('now', () => {
  const local = ref(Date.now())
  setInterval(() => {
    local.value = Date.now()
  }, 500)
  const feed = useFeed()
  const ms = computed(() => local.value + feed.serverAheadMs)
  return { local, ms }
})
