/** The last half hour of a sensor in sixty points: few questions at a time, each answer kept a minute. */
import { reactive } from 'vue'
import { readings } from '@/api/calls'
import { toMs } from './time'

const SPAN_MS = 30 * 60_000
const KEEP_MS = 60_000
const AT_ONCE = 2
const MOST = 400

export interface Spark {
  /** Points of a polyline in a 72 x 20 box; null where there is no data. */
  path: string
  /** Direction over the last five minutes: -1, 0, 1. */
  slope: number
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

async function next(): Promise<void> {
  busy++
  try {
    for (let sensor = waiting.shift(); sensor !== undefined; sensor = waiting.shift()) {
      if (sparks.size > MOST) sparks.delete(sparks.keys().next().value as number)
      sparks.set(sensor, await load(sensor))
    }
  } finally {
    busy--
  }
}

async function load(sensor: number): Promise<Spark> {
  const end = Date.now()
  const start = end - SPAN_MS
  const empty: Spark = { path: '', slope: 0, at: end }
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
  const [lastTs, lastValue] = points[points.length - 1] as [number, number]
  const before = points.find(([ts]) => ts >= lastTs - 5 * 60_000) as [number, number]
  const change = flat ? 0 : (lastValue - before[1]) / (high - low)
  return { path: text.join(''), slope: change > 0.15 ? 1 : change < -0.15 ? -1 : 0, at: Date.now() }
}
