/** Times on the wire are RFC 3339 UTC or ms since the epoch; here they are ms. */

export function toMs(time: string | number | null | undefined): number {
  if (time === null || time === undefined) return Number.NaN
  return typeof time === 'number' ? time : Date.parse(time)
}

const two = (n: number): string => String(n).padStart(2, '0')

/** 03:12, 2:10:00, 75:10:00: a running stop-watch, alike in every language. */
export function stopwatch(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const hours = Math.floor(s / 3600)
  const minutes = Math.floor((s % 3600) / 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${two(minutes)}:${two(s % 60)}`
}

export function clock(ms: number): string {
  if (!Number.isFinite(ms)) return '—'
  const d = new Date(ms)
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

/** Time of day today, with the date otherwise. */
export function moment(ms: number, nowMs: number): string {
  if (!Number.isFinite(ms)) return '—'
  return new Date(ms).toDateString() === new Date(nowMs).toDateString() ? clock(ms) : stamp(ms)
}

/** Date and time, whatever day it is. */
export function stamp(ms: number): string {
  const d = new Date(ms)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(ms)}`
}

/** UTC+8, UTC-3:30: the zone in which this screen shows its times. */
export function zone(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset()
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
  return `UTC${minutes < 0 ? '-' : '+'}${hours}${rest ? `:${two(rest)}` : ''}`
}
