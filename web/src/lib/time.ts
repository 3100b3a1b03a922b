/** Times on the wire are RFC 3339 UTC or ms since the epoch; here they are ms. */

export function toMs(time: string | number | null | undefined): number {
  if (time === null || time === undefined) return Number.NaN
  return typeof time === 'number' ? time : Date.parse(time)
}

const two = (n: number): string => String(n).padStart(2, '0')

/** 03:12, 2:10:00: a running stop-watch that does not change its width each second. */
export function stopwatch(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const hours = Math.floor(s / 3600)
  if (hours >= 48) return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`
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
  const d = new Date(ms)
  const sameDay = d.toDateString() === new Date(nowMs).toDateString()
  if (sameDay) return clock(ms)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(ms)}`
}
