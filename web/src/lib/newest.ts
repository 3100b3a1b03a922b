/** The newest reading of a sensor, as asked for or as streamed, whichever is newer. */
import type { Sensor } from '@/api/types'
import type { Value } from '@/stores/values'
import { type QualityName, qualityOf } from './quality'
import { toMs } from './time'

export interface Newest {
  /** ms since the epoch. */
  ts: number
  value: number | null
  quality: QualityName
}

export function newestOf(sensor: Sensor, streamed: Value | undefined): Newest | null {
  const asked = sensor.latest
  const newest = streamed && (!asked || streamed.ts >= toMs(asked.ts)) ? streamed : asked
  if (!newest) return null
  return { ts: toMs(newest.ts), value: newest.value, quality: qualityOf(newest.quality) }
}

/** Whether a reading is too old to stand for now: three periods, and five minutes at least. */
export function isOld(sensor: Sensor, newest: Newest, nowMs: number): boolean {
  return nowMs - newest.ts > Math.max(3 * sensor.period_s, 300) * 1000
}
