/** A trend of any length: the resolution that fits it, and page after page until it is whole. */
import { toMs } from '@/lib/time'
import { readings } from './calls'
import type { Readings } from './types'

const HOUR_MS = 3_600_000
const RAW_MS = 2 * HOUR_MS
const MINUTES_MS = 8 * 24 * HOUR_MS
const LIMIT = 2_000
/** Eight days of minutes fit; a stream of readings faster than one a second is cut, not waited for. */
const MOST_PAGES = 8

export function resolutionFor(spanMs: number): 'raw' | '1m' | '1h' {
  return spanMs <= RAW_MS ? 'raw' : spanMs <= MINUTES_MS ? '1m' : '1h'
}

export async function trend(
  sensor: number,
  fromMs: number,
  toMs_: number,
  signal?: AbortSignal,
): Promise<Readings> {
  const resolution = resolutionFor(toMs_ - fromMs)
  const whole: Readings = { resolution, ts: [] }
  let start = new Date(fromMs).toISOString()
  const end = new Date(toMs_).toISOString()
  for (let page = 0; page < MOST_PAGES; page++) {
    const part = await readings(sensor, { start, end, resolution, limit: LIMIT }, signal)
    append(whole, part)
    const last = part.ts[part.ts.length - 1]
    if (last === undefined || part.ts.length < LIMIT) break
    start = new Date(toMs(last) + 1).toISOString()
  }
  return whole
}

const COLUMNS = ['value', 'quality', 'min', 'mean', 'max', 'count', 'good'] as const

function append(whole: Readings, part: Readings): void {
  const before = whole.ts.length
  whole.resolution = part.resolution ?? whole.resolution
  whole.ts = whole.ts.concat(part.ts)
  for (const name of COLUMNS) {
    const column = part[name] as unknown[] | undefined | null
    if (!column) continue
    const held = (whole[name] as unknown[] | undefined) ?? new Array(before).fill(null)
    Object.assign(whole, { [name]: held.concat(column) })
  }
}
