/** Everything about an alarm that people type to find it, in both languages at once. */
import type { Alarm } from '@/api/types'
import { nameOf } from './names'

const cache = new WeakMap<Alarm, string>()

export function alarmText(alarm: Alarm): string {
  const held = cache.get(alarm)
  if (held !== undefined) return held
  const { sensor, site, enterprise, gateway } = alarm
  const parts = [
    enterprise.name,
    enterprise.id,
    site.name,
    site.id,
    gateway.name,
    gateway.id,
    sensor?.name,
    sensor?.tag,
    sensor?.measurand_name['zh-CN'],
    sensor?.measurand_name.en,
    nameOf(sensor?.zone),
    alarm.level,
    alarm.acknowledged_by,
    alarm.explanation['zh-CN'],
    alarm.explanation.en,
  ]
  const text = parts.filter(Boolean).join(' ').toLowerCase()
  cache.set(alarm, text)
  return text
}
