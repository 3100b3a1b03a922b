/** What the service sends, named as the contract names it. Times are RFC 3339 UTC unless a name says ms. */

export type Locale = 'zh-CN' | 'en'
export type Text = Record<Locale, string>
export type Priority = 1 | 2 | 3 | 4
export type Level = 'HH' | 'H' | 'L' | 'LL'
export type AlarmState =
  | 'normal'
  | 'unacknowledged'
  | 'acknowledged'
  | 'returned_unacknowledged'
  | 'latched_unacknowledged'
  | 'latched_acknowledged'
  | 'shelved'
  | 'suppressed'
  | 'out_of_service'
export type SiteState = 'normal' | 'blue' | 'yellow' | 'orange' | 'red' | 'no_data'
export type Role = 'admin' | 'operator' | 'viewer' | 'enterprise'

export interface Named {
  id: string
  name: string
}

export interface Page<T> {
  items: T[]
  next: string | null
}

export interface Session {
  user: { name: string; role: Role; scope: string | null; locale: Locale | null }
  csrf: string
}

export interface AlarmSensor {
  id: number
  tag: string
  name: string
  measurand: string
  measurand_name: Text
  zone: string | Named | null
}

export interface Alarm {
  id: string
  kind: string
  family: string
  level: Level | null
  highest_level: Level | null
  priority: Priority
  state: AlarmState
  active: boolean
  acknowledged: boolean
  sensor: AlarmSensor | null
  gateway: Named
  site: Named
  enterprise: Named
  value: number | null
  limit: number | null
  unit: string
  raised_at: string
  cleared_at: string | null
  acknowledged_at: string | null
  acknowledged_by: string | null
  shelved_until: string | null
  shelve_reason: string | null
  count: number
  late: boolean
  over_range: boolean
  source: string
  explanation: Text
  /** `"position.ordinal"` of the last change. */
  updated: string
  stored: boolean
}

export interface TimelineItem {
  id: string
  at: string
  event: string
  from: string
  to: string
  level: Level | null
  value: number | null
  limit: number | null
  actor: string | null
  note: string | null
  text: Text
}

export interface Limit {
  setpoint: number
  deadband: number
  on_delay_s: number
  off_delay_s: number
  latch: boolean
  source: string
}

export interface Sensor {
  id: number
  gateway: string
  tag: string
  name: string
  measurand: string
  measurand_name: Text
  class: string
  kind: 'analog' | 'state' | 'counter'
  unit: string
  range: { low: number | null; high: number | null }
  period_s: number
  zone: string | Named | null
  site: string | Named
  enterprise: string | Named
  limits: Partial<Record<Level, Limit>>
  latest: { ts: string; value: number | null; quality: string | number; received: string } | null
  state: string
}

export interface Rejection {
  at: string
  path: string
  reason: string
  topic: string
  payload: string | null
}

export interface Gateway {
  id: string
  number: number
  name: string
  site: string | Named
  enterprise: string | Named
  codec: string
  online: boolean | null
  silent: boolean
  last_message_at: string | null
  last_payload: string | null
  messages: number
  readings: number
  rejected: number
  boot: string | null
  stored_through: number | null
  missing: [number, number][]
  clock_offset_s: number | null
  /** On the single device only; null while the database is away. */
  rejections?: Rejection[] | null
}

export interface Counters {
  alarms: Record<'1' | '2' | '3' | '4', number>
  unacknowledged: number
  sensors: number
  sensors_online: number
  state: SiteState
}

export interface Site extends Counters {
  id: string
  name: string
  enterprise: string | Named
  kind: string
  latitude?: number | null
  longitude?: number | null
}

export interface Region {
  id: string
  name: string
  kind: 'county' | 'town' | 'park' | 'village'
  parent: string | null
}

export interface Enterprise extends Counters {
  id: string
  name: string
  region: string | Named
  industry: string
}

export interface Zone {
  id: string
  name: string
  site: string | Named
  kind: string
}

export interface Measurand {
  code: string
  name: Text
  unit: string
  kind: string
  class: string
  states?: Record<string, { code: number; name: Text }> | { code: number; name: Text; id?: string }[]
}

/** Columns of one sensor; roll-ups carry min, mean and max instead of value and quality. */
export interface Readings {
  resolution?: string
  ts: (string | number)[]
  value?: (number | null)[]
  quality?: (string | number)[]
  min?: (number | null)[]
  mean?: (number | null)[]
  max?: (number | null)[]
  count?: number[]
  good?: (number | null)[]
}

export interface Overview {
  alarms: { open: number; unacknowledged: number; by_priority: Record<'1' | '2' | '3' | '4', number> }
  oldest_unacknowledged_at: string | null
  sensors: { total: number; online: number; stale: number }
  gateways: { total: number; online: number }
  readings_per_s: number
  decision_ms_p50: number | null
  store: { available: boolean; lag_s: number }
  journal: { lag_readings: number }
  broker: { connected: boolean }
  raised_today: number
  alarms_24h: number[]
}

export interface HealthFrame {
  now: string | number
  store: { available: boolean; lag_s: number }
  broker: { connected: boolean; listening: boolean }
  journal: { lag_readings: number; free_mib: number | null }
  readings_per_s: number
  gateways_online: number
  version: string
}

export interface HealthPart {
  name: string
  state: 'ok' | 'warn' | 'down'
  text: Text
  title?: Text
}

export interface Health {
  parts: HealthPart[]
  version?: string
}

export interface AlarmFrame {
  alarm: Alarm
  event: string
  from: string
  to: string
  at: string
  stored: boolean
}

/** sensor, event time in ms, value, quality as a number. */
export type LatestItem = [number, number, number | null, number]

export interface LatestFrame {
  full: boolean
  items: LatestItem[]
}

export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  errors?: { path: string; reason: string }[]
  alarm?: Alarm
}
