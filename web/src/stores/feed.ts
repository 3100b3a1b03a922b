/** How fresh this screen is, and what the service says of itself. Written by live.ts only. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { HealthFrame } from '@/api/types'

export const useFeed = defineStore('feed', () => {
  /** Nothing heard for longer than a live feed can be silent. */
  const stale = ref(false)
  const silentMs = ref(0)
  /** False until the list of open alarms has been taken whole. */
  const complete = ref(false)
  const health = shallowRef<HealthFrame | null>(null)
  /** Server clock minus this machine's clock. */
  const serverAheadMs = ref(0)
  /** Whether an alarm that is not in the list can be said not to be. */
  const known = computed(() => complete.value && !stale.value)
  return { stale, silentMs, complete, known, health, serverAheadMs }
})
