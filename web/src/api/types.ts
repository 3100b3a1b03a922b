/**
 * What the service sends. Shapes come from its OpenAPI document (`schema.d.ts`, made by
 * `npm run schema`); here they get the field's names, and the few that OpenAPI cannot say as
 * tightly as the contract does are narrowed. Times are RFC 3339 UTC unless a name says ms.
 */
import type { components } from './schema'

type Shapes = components['schemas']
type Narrow<T, By> = Omit<T, keyof By> & By

export type Locale = 'zh-CN' | 'en'
export type Text = Shapes['Texts']
export type Priority = 1 | 2 | 3 | 4
export type Level = 'HH' | 'H' | 'L' | 'LL'
export type AlarmState = Shapes['AlarmView']['state']
/** `unknown`: this screen has not heard yet, which is not the same as calm. */
export type SiteState = Shapes['SiteView']['state'] | 'unknown'
export type Named = Shapes['Named']

export interface Page<T> {
  items: T[]
  next: string | null
}

export type Session = Shapes['SignedIn']
export type Alarm = Narrow<Shapes['AlarmView'], { priority: Priority }>
export type TimelineItem = Shapes['TimelineItem']
export type Limit = Shapes['LimitView']
export type Limits = Partial<Record<Level, Limit>>
export type Sensor = Narrow<Shapes['SensorView'], { limits: Limits }>
export type Gateway = Shapes['GatewayView']
export type Site = Shapes['SiteView']
export type Region = Shapes['Region']
export type Enterprise = Shapes['EnterpriseView']
export type Zone = Shapes['ZoneView']
export type Measurand = Shapes['MeasurandView']
/** Columns of one sensor; roll-ups carry min, mean and max instead of value and quality. */
export type Readings = Partial<Shapes['Readings']> & Pick<Shapes['Readings'], 'resolution' | 'ts'>
export type Health = Shapes['SystemHealth']
export type Problem = Narrow<Shapes['ProblemDocument'], { alarm?: Alarm | null }>

interface StoreFigures {
  available: boolean
  lag_s: number
}

export type Overview = Narrow<
  Shapes['Overview'],
  { store: StoreFigures; journal: { lag_readings: number }; broker: { connected: boolean } }
>

/** Frames of the stream; OpenAPI has no words for those. */
export type AlarmFrame = Narrow<Shapes['AlarmFrame'], { alarm: Alarm }>

export interface HealthFrame {
  now: string | number
  store: StoreFigures
  broker: { connected: boolean; listening: boolean; fault_texts: Text[] }
  journal: { lag_readings: number | null; free_mib: number | null; astray: boolean; fault_text: Text | null }
  /** Whether anything is judged at all. */
  turning: boolean
  readings_per_s: number
  gateways_online: number
  version: string
}

/** sensor, event time in ms, value, quality as a number. */
export type LatestItem = [number, number, number | null, number]

export interface LatestFrame {
  full: boolean
  items: LatestItem[]
}
