/** Newest value of each sensor that is on screen. Pages say what they show; live.ts writes. */
import { defineStore } from 'pinia'
import { onScopeDispose, shallowRef, triggerRef, watch } from 'vue'
import type { LatestFrame } from '@/api/types'
import { wantValues } from '@/live/live'

export interface Value {
  ts: number
  value: number | null
  quality: number
}

/** Beyond this many ids the address would grow too long: then all values are sent. */
const MOST_IDS = 300

export const useValues = defineStore('values', () => {
  const byId = shallowRef(new Map<number, Value>())
  const wants = new Map<symbol, readonly number[]>()
  let timer: ReturnType<typeof setTimeout> | null = null

  function apply(frame: LatestFrame): void {
    for (const [sensor, ts, value, quality] of frame.items) byId.value.set(sensor, { ts, value, quality })
    triggerRef(byId)
  }

  function ask(): void {
    timer = null
    const ids = [...new Set([...wants.values()].flat())].sort((a, b) => a - b)
    wantValues(ids.length === 0 ? 'none' : ids.length > MOST_IDS ? 'all' : ids.join(','))
  }

  function want(who: symbol, ids: readonly number[]): void {
    if (ids.length > 0) wants.set(who, ids)
    else wants.delete(who)
    // Scrolling changes the wish many times a second; the stream is asked once it rests.
    if (timer) clearTimeout(timer)
    timer = setTimeout(ask, 300)
  }

  return { byId, apply, want }
})

/** Keep the values of these sensors coming for as long as the component lives. */
export function showValues(ids: () => readonly number[]): ReturnType<typeof useValues> {
  const values = useValues()
  const who = Symbol('view')
  watch(ids, (now) => values.want(who, now), { immediate: true })
  onScopeDispose(() => values.want(who, []))
  return values
}
