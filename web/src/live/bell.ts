/** Which changes call: a new, raised or repeated HH or LL that nobody has answered. */
import { onScopeDispose } from 'vue'
import type { Alarm } from '@/api/types'
import { unanswered } from '@/lib/priority'
import { ring } from '@/lib/sound'
import { usePreferences } from '@/stores/preferences'
import { onAlarmFrame } from './live'

const CALLS = new Set(['raise', 'escalate', 'reactivate', 'realarm', 'shelf_broken'])
/** Many alarms at once make one sound, not a noise. */
const APART_MS = 1_500

export function bellFor(announce: (alarm: Alarm) => void): void {
  let last = 0
  const preferences = usePreferences()
  const stop = onAlarmFrame(({ alarm, event }) => {
    if (!CALLS.has(event) || !unanswered(alarm)) return
    if (alarm.level !== 'HH' && alarm.level !== 'LL') return
    announce(alarm)
    if (!preferences.sound || Date.now() - last < APART_MS) return
    if (ring()) last = Date.now()
  })
  onScopeDispose(stop)
}
