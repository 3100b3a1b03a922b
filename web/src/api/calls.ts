/** Every question the screens ask, one function each. */
import { apiUrl, call, get, post } from './http'
import type {
  Alarm,
  AlarmState,
  Enterprise,
  Gateway,
  Health,
  Measurand,
  Overview,
  Page,
  Readings,
  Region,
  Sensor,
  Session,
  Site,
  TimelineItem,
  Zone,
} from './types'

const PAGE = 500

type Query = Record<string, string | number | undefined>

/** Follow the cursor to the end. */
async function all<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const page: Page<T> = await get<Page<T>>(path, { limit: PAGE, ...query, cursor }, signal)
    items.push(...page.items)
    cursor = page.next ?? undefined
  } while (cursor)
  return items
}

const id = encodeURIComponent

export const session = (): Promise<Session> => get<Session>('/auth/session')
export const signIn = (username: string, password: string): Promise<Session> =>
  post<Session>('/auth/session', { username, password })
export const signOut = (): Promise<void> => call<void>('DELETE', apiUrl('/auth/session'))

export const openAlarms = (signal?: AbortSignal): Promise<Alarm[]> =>
  all<Alarm>('/alarms', { state: 'open' }, signal)
export const alarm = (alarmId: string): Promise<Alarm> => get<Alarm>(`/alarms/${id(alarmId)}`)
export const alarms = (query: Query): Promise<Page<Alarm>> => get<Page<Alarm>>('/alarms', query)
export const timeline = async (alarmId: string): Promise<TimelineItem[]> =>
  (await get<{ items: TimelineItem[] }>(`/alarms/${id(alarmId)}/timeline`)).items

export type Act = 'acknowledge' | 'shelve' | 'unshelve' | 'comment' | 'reset'
export const act = (
  alarmId: string,
  verb: Act,
  body: {
    note?: string
    minutes?: number
    reason?: string
    seen?: AlarmState
    seen_level?: Alarm['level']
  },
): Promise<Alarm> => post<Alarm>(`/alarms/${id(alarmId)}/${verb}`, body)

export const regions = (): Promise<Region[]> => all<Region>('/regions')
export const enterprises = (): Promise<Enterprise[]> => all<Enterprise>('/enterprises')
export const enterprise = (enterpriseId: string): Promise<Enterprise> =>
  get<Enterprise>(`/enterprises/${id(enterpriseId)}`)
export const sites = (query: Query = {}): Promise<Site[]> => all<Site>('/sites', query)
export const zones = (query: Query = {}): Promise<Zone[]> => all<Zone>('/zones', query)
export const gateways = (query: Query = {}): Promise<Gateway[]> => all<Gateway>('/gateways', query)
export const gateway = (gatewayId: string): Promise<Gateway> => get<Gateway>(`/gateways/${id(gatewayId)}`)
export const sensors = (query: Query = {}): Promise<Sensor[]> => all<Sensor>('/sensors', query)
export const sensor = (sensorId: number | string): Promise<Sensor> =>
  get<Sensor>(`/sensors/${id(String(sensorId))}`)
export const readings = (sensorId: number, query: Query, signal?: AbortSignal): Promise<Readings> =>
  get<Readings>(`/sensors/${sensorId}/readings`, query, signal)

export const overview = (): Promise<Overview> => get<Overview>('/stats/overview')
export const health = (): Promise<Health> => get<Health>('/health')
export const catalogue = (): Promise<Measurand[]> => all<Measurand>('/catalogue')
