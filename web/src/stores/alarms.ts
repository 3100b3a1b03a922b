/** Every open alarm, and the most recent change of each. Written by live.ts and by answers to acts only. */
import { defineStore } from 'pinia'
import { computed, shallowRef, triggerRef } from 'vue'
import type { Alarm, AlarmFrame, Priority } from '@/api/types'
import { PRIORITIES, setAside, unanswered } from '@/lib/priority'
import { toMs } from '@/lib/time'

/** Compare `"position.ordinal"` ids; positions stay below 2^53. */
export function newer(a: string, b: string): boolean {
  if (!b) return true
  const [ap = 0, ao = 0] = a.split('.').map(Number)
  const [bp = 0, bo = 0] = b.split('.').map(Number)
  return ap !== bp ? ap > bp : ao > bo
}

export const isOpen = (alarm: Alarm): boolean => alarm.state !== 'normal'

/** The fixed order of every list: unanswered first, then colour, then the newest. */
export function byUrgency(a: Alarm, b: Alarm): number {
  const aside = Number(setAside(a)) - Number(setAside(b))
  if (aside !== 0) return aside
  const waiting = Number(unanswered(b)) - Number(unanswered(a))
  if (waiting !== 0) return waiting
  if (a.priority !== b.priority) return a.priority - b.priority
  return toMs(b.raised_at) - toMs(a.raised_at)
}

export const useAlarms = defineStore('alarms', () => {
  const byId = shallowRef(new Map<string, Alarm>())
  /** Closed lately: kept so that an old event cannot re-open what is closed. */
  const closed = new Map<string, string>()
  /** Those the database did not have yet when they came, and when that was (local ms). */
  const unstored = new Map<string, number>()

  const open = computed(() => [...byId.value.values()].sort(byUrgency))
  const waiting = computed(() => open.value.filter(unanswered))
  const counts = computed(() => {
    const count: Record<Priority, number> = { 1: 0, 2: 0, 3: 0, 4: 0 }
    for (const alarm of open.value) if (!setAside(alarm)) count[alarm.priority]++
    return count
  })
  const worst = computed<Priority | null>(
    () => PRIORITIES.find((priority) => counts.value[priority] > 0) ?? null,
  )
  /** Open alarms of each site that are not set aside, for tiles and the plan. */
  const bySite = computed(() => {
    const groups = new Map<string, Alarm[]>()
    for (const alarm of open.value) {
      if (setAside(alarm)) continue
      const group = groups.get(alarm.site.id)
      if (group) group.push(alarm)
      else groups.set(alarm.site.id, [alarm])
    }
    return groups
  })

  function put(alarm: Alarm): boolean {
    const held = byId.value.get(alarm.id)
    const last = held?.updated ?? closed.get(alarm.id) ?? ''
    if (last && !newer(alarm.updated, last)) return false
    if (alarm.stored || !isOpen(alarm)) unstored.delete(alarm.id)
    else unstored.set(alarm.id, Date.now())
    if (isOpen(alarm)) {
      byId.value.set(alarm.id, alarm)
      closed.delete(alarm.id)
    } else {
      byId.value.delete(alarm.id)
      closed.set(alarm.id, alarm.updated)
      if (closed.size > 2_000) closed.delete(closed.keys().next().value as string)
    }
    return true
  }

  /** Take a snapshot of all open alarms; what is held and newer stays. */
  function replace(alarms: Alarm[]): void {
    const before = byId.value
    byId.value = new Map() // a new one: whoever holds the old can compare
    for (const alarm of alarms) {
      const held = before.get(alarm.id)
      put(held && newer(held.updated, alarm.updated) ? held : alarm)
    }
    triggerRef(byId)
  }

  /** Apply events in order; returns those that were news. */
  function apply(frames: AlarmFrame[]): AlarmFrame[] {
    const news = frames.filter((frame) => put(frame.alarm))
    if (news.length > 0) triggerRef(byId)
    return news
  }

  /** The answer to an act, which may arrive before or after its event. */
  function answered(alarm: Alarm): void {
    if (put(alarm)) triggerRef(byId)
  }

  /** The database has everything that came here before this moment (local ms): no event tells so. */
  function storedUntil(moment: number): void {
    let changed = false
    for (const [id, since] of unstored) {
      if (since > moment) continue
      unstored.delete(id)
      const alarm = byId.value.get(id)
      if (alarm) byId.value.set(id, { ...alarm, stored: true })
      changed = true
    }
    if (changed) triggerRef(byId)
  }

  return { byId, open, waiting, counts, worst, bySite, replace, apply, answered, storedUntil }
})
