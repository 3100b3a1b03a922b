/** A trend of any length: the resolution that fits it, in one answer. */
import { readings } from './calls'
import type { Readings } from './types'

const HOUR_MS = 3_600_000
const RAW_MS = 2 * HOUR_MS
const MINUTES_MS = 8 * 24 * HOUR_MS
/** The most the service gives at once: two hours at seven readings a second, 34 days of minutes. */
const LIMIT = 50_000

export function resolutionFor(spanMs: number): 'raw' | '1m' | '1h' {
  return spanMs <= RAW_MS ? 'raw' : spanMs <= MINUTES_MS ? '1m' : '1h'
}

export function trend(sensor: number, fromMs: number, toMs: number, signal?: AbortSignal): Promise<Readings> {
  return readings(
    sensor,
    {
      start: new Date(fromMs).toISOString(),
      end: new Date(toMs).toISOString(),
      resolution: resolutionFor(toMs - fromMs),
      limit: LIMIT,
      times: 'ms',
    },
    signal,
  )
}
