/**
 * Readings as columns a chart can draw, with what is missing or doubtful kept visible.
 *
 * A gap longer than three periods breaks the line and is reported as a span, so that nobody reads
 * a straight line where nothing was measured. A run of readings that are not good is a span too.
 */
import type { Readings } from '@/api/types'
import { isGood } from './quality'
import { toMs } from './time'

/** From and to, seconds since the epoch. */
export type Span = [number, number]

export interface TrendColumns {
  /** Seconds since the epoch, increasing. */
  ts: number[]
  value: (number | null)[]
  min: (number | null)[] | null
  max: (number | null)[] | null
  gaps: Span[]
  doubtful: Span[]
  resolution: 'raw' | '1m' | '1h'
  /** Readings drawn, breaks not counted. */
  points: number
}

const STEP_S: Record<string, number> = { '1m': 60, '1h': 3600 }
const PERIODS = 3

function resolutionOf(readings: Readings): TrendColumns['resolution'] {
  if (readings.resolution === '1m' || readings.resolution === '1h' || readings.resolution === 'raw')
    return readings.resolution
  if (!readings.mean) return 'raw'
  const [first, second] = readings.ts
  return second !== undefined && toMs(second) - toMs(first) >= 3_600_000 ? '1h' : '1m'
}

/** Whether row i may be trusted; a roll-up is doubtful if less than half of it was good. */
function goodAt(readings: Readings, i: number): boolean {
  if (readings.quality) return isGood(readings.quality[i])
  const good = readings.good?.[i]
  if (good === null || good === undefined) return true
  const count = readings.count?.[i]
  return count !== undefined && good > 1 ? good >= count / 2 : good >= 0.5
}

export function trendColumns(readings: Readings, periodS: number, from: number, to: number): TrendColumns {
  const resolution = resolutionOf(readings)
  const source = readings.mean ?? readings.value ?? []
  const longest = Math.max(PERIODS * periodS, resolution === 'raw' ? 5 : 2.5 * (STEP_S[resolution] ?? 60))
  const banded = readings.min !== undefined && readings.max !== undefined && resolution !== 'raw'
  const columns: TrendColumns = {
    ts: [],
    value: [],
    min: banded ? [] : null,
    max: banded ? [] : null,
    gaps: [],
    doubtful: [],
    resolution,
    points: readings.ts.length,
  }
  let previous = from
  let doubtFrom: number | null = null

  readings.ts.forEach((time, i) => {
    const ts = toMs(time) / 1000
    if (ts - previous > longest) {
      columns.gaps.push([previous, ts])
      if (i > 0) push(columns, previous + 0.001, null, null, null)
      doubtFrom = closeSpan(columns, doubtFrom, previous)
    }
    push(columns, ts, source[i] ?? null, readings.min?.[i] ?? null, readings.max?.[i] ?? null)
    if (goodAt(readings, i)) doubtFrom = closeSpan(columns, doubtFrom, ts)
    else doubtFrom ??= ts
    previous = ts
  })
  closeSpan(columns, doubtFrom, previous + (resolution === 'raw' ? periodS : (STEP_S[resolution] ?? 60)))
  if (to - previous > longest) columns.gaps.push([previous, to])
  return columns
}

function push(
  columns: TrendColumns,
  ts: number,
  value: number | null,
  min: number | null,
  max: number | null,
): void {
  columns.ts.push(ts)
  columns.value.push(value)
  columns.min?.push(min)
  columns.max?.push(max)
}

function closeSpan(columns: TrendColumns, from: number | null, to: number): null {
  if (from !== null) columns.doubtful.push([from, to])
  return null
}
