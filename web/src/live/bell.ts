/**
 * What calls, and how: an HH or LL that nobody has answered sounds and is read out at once; what
 * else waits for an answer is read out when there is quiet.
 *
 * A sound that could not be heard (muted, switched off, blocked by the browser) is owed: once it can
 * be, it comes, if an HH or LL still waits.
 */
import { computed, onScopeDispose, shallowRef, watch } from 'vue'
import type { Alarm } from '@/api/types'
import { unanswered } from '@/lib/priority'
import { blocked, mutedUntil, ring } from '@/lib/sound'
import { useAlarms } from '@/stores/alarms'
import { useNow } from '@/stores/now'
import { usePreferences } from '@/stores/preferences'
import { onAlarmFrame } from './live'

/** Changes after which an alarm calls (again), also those that bring back what was set aside. */
const CALLS = new Set([
  'raise',
  'escalate',
  'reactivate',
  'realarm',
  'shelf_broken',
  'shelf_expired',
  'unshelve',
  'unsuppress',
  'in_service',
])
/** Many alarms at once make one sound, not a noise. */
const APART_MS = 1_500

const isLoud = (alarm: Alarm): boolean => unanswered(alarm) && (alarm.level === 'HH' || alarm.level === 'LL')

/** What lately began to wait below HH and LL: the newest, and of how many. */
export const lately = shallowRef<{ alarm: Alarm; of: number } | null>(null)
let collected: Alarm[] = []

function murmur(alarm: Alarm): void {
  collected.push(alarm)
  if (collected.length === 1) setTimeout(speak, APART_MS)
}

function speak(): void {
  const newest = collected[collected.length - 1] as Alarm
  lately.value = { alarm: newest, of: collected.length }
  collected = []
}

export function bellFor(announce: (alarm: Alarm) => void): void {
  let last = 0
  let owed = false
  const preferences = usePreferences()
  const alarms = useAlarms()
  const now = useNow()
  const audible = computed(() => preferences.sound && !blocked.value && now.local >= mutedUntil.value)

  function sound(): void {
    if (Date.now() - last < APART_MS) return
    owed = !(preferences.sound && ring())
    if (!owed) last = Date.now()
  }

  const stop = onAlarmFrame(({ alarm, event }) => {
    if (!CALLS.has(event) || !unanswered(alarm)) return
    if (!isLoud(alarm)) return murmur(alarm)
    announce(alarm)
    sound()
  })
  watch(audible, (is) => {
    if (!is || !owed) return
    owed = false
    if (alarms.waiting.some(isLoud)) sound()
  })
  onScopeDispose(stop)
}
