/** The last half hour of a sensor in sixty points: few questions at a time, each answer kept a minute. */
import { reactive } from 'vue'
import { readings } from '@/api/calls'
import { toMs } from './time'

const SPAN_MS = 30 * 60_000
const KEEP_MS = 60_000
const AT_ONCE = 2
const MOST = 400
const MINUTE_MS = 60_000
/** A direction is that of the last two minutes, and of nothing older. */
const SLOPE_MS = 2 * MINUTE_MS

export interface Spark {
  /** Points of a polyline in a 72 x 20 box; empty where there is no data. */
  path: string
  /** Means of the last minutes, oldest first: middle of the minute (ms) and value. */
  recent: [at: number, value: number][]
  /** What counts as a change: a part of what the half hour spans. */
  step: number
  at: number
}

export const sparks = reactive(new Map<number, Spark>())
let waiting: number[] = []
let busy = 0

/** Ask for these, most wanted first; what scrolled away unasked is forgotten. */
export function wantSparks(sensors: readonly number[]): void {
  waiting = sensors.filter((sensor) => Date.now() - (sparks.get(sensor)?.at ?? 0) > KEEP_MS)
  while (busy < AT_ONCE && waiting.length > 0) void next()
}

/**
 * Where the value is going: -1, 0, 1 over the two minutes before the newest reading; null when that
 * is older than two minutes or nothing is known from before it.
 */
export function slopeOf(spark: Spark, live: { ts: number; value: number }, nowMs: number): number | null {
  if (nowMs - live.ts > SLOPE_MS) return null
  const before = spark.recent.find(([at]) => at >= live.ts - SLOPE_MS && at <= live.ts - MINUTE_MS / 2)
  if (!before) return null
  const change = live.value - before[1]
  return Math.abs(change) <= spark.step ? 0 : Math.sign(change)
}

async function next(): Promise<void> {
  busy++
  try {
    for (let sensor = waiting.shift(); sensor !== undefined; sensor = waiting.shift()) {
      const found = await load(sensor)
      if (sparks.size > MOST) sparks.delete(sparks.keys().next().value as number)
      sparks.set(sensor, found)
    }
  } finally {
    busy--
  }
}

async function load(sensor: number): Promise<Spark> {
  const end = Date.now()
  const start = end - SPAN_MS
  const empty: Spark = { path: '', recent: [], step: 0, at: end }
  try {
    const columns = await readings(sensor, {
      start: new Date(start).toISOString(),
      end: new Date(end).toISOString(),
      resolution: '1m',
      times: 'ms',
    })
    const values = columns.mean ?? columns.value ?? []
    const points: [number, number][] = []
    columns.ts.forEach((ts, i) => {
      const value = values[i]
      if (typeof value === 'number') points.push([toMs(ts), value])
    })
    return points.length < 2 ? empty : draw(points, start)
  } catch {
    return empty // history may be away; the desk works without it
  }
}

function draw(points: [number, number][], start: number): Spark {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const [, value] of points) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  const flat = high - low < 1e-9
  const text = points.map(([ts, value], i) => {
    const x = (72 * (ts - start)) / SPAN_MS
    const y = flat ? 10 : 18 - (16 * (value - low)) / (high - low)
    const gap = i === 0 || ts - (points[i - 1] as [number, number])[0] > 5 * 60_000
    return `${gap ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`
  })
  const recent = points.slice(-6).map(([ts, value]): [number, number] => [ts + MINUTE_MS / 2, value])
  return { path: text.join(''), recent, step: (high - low) / 20, at: Date.now() }
}
