/** Priorities and site states as a table: shape, word and colour always go together. */
import type { Alarm, Priority, SiteState } from '@/api/types'

export interface Mark {
  /** Drawn as SVG so that a missing glyph can never hide an alarm. */
  shape: 'diamond' | 'triangle' | 'circle' | 'square' | 'hatch' | 'ring' | 'dot'
  /** CSS class and key of the word in the language files. */
  name: SiteState
}

export const PRIORITIES: readonly Priority[] = [1, 2, 3, 4]

const MARKS: Record<SiteState, Mark> = {
  red: { shape: 'diamond', name: 'red' },
  orange: { shape: 'triangle', name: 'orange' },
  yellow: { shape: 'circle', name: 'yellow' },
  blue: { shape: 'square', name: 'blue' },
  no_data: { shape: 'hatch', name: 'no_data' },
  unknown: { shape: 'ring', name: 'unknown' },
  normal: { shape: 'dot', name: 'normal' },
}

const BY_PRIORITY: Record<Priority, SiteState> = { 1: 'red', 2: 'orange', 3: 'yellow', 4: 'blue' }

export const markOf = (state: SiteState): Mark => MARKS[state] ?? MARKS.normal
export const stateOf = (priority: Priority): SiteState => BY_PRIORITY[priority] ?? 'blue'

/** A place nobody can see ranks above one that is merely yellow: anything may be happening there. */
export const SEVERITY: Record<SiteState, number> = {
  red: 0,
  orange: 1,
  no_data: 2,
  yellow: 3,
  blue: 4,
  unknown: 5,
  normal: 6,
}

/** Nobody has answered yet: these come first, everywhere. */
export function unanswered(alarm: Alarm): boolean {
  return (
    alarm.state === 'unacknowledged' ||
    alarm.state === 'returned_unacknowledged' ||
    alarm.state === 'latched_unacknowledged'
  )
}

/** Its value and limit are seconds, of silence or of a clock, whatever the sensor measures. */
export const inSeconds = (alarm: Alarm): boolean => alarm.kind === 'stale' || alarm.kind === 'mismatch'

/** Set aside by a person or by design: still open, but not calling. */
export function setAside(alarm: Alarm): boolean {
  return alarm.state === 'shelved' || alarm.state === 'suppressed' || alarm.state === 'out_of_service'
}

/** What may be done to an alarm in its state; the service has the last word. */
export function allowed(alarm: Alarm): {
  acknowledge: boolean
  shelve: boolean
  unshelve: boolean
  reset: boolean
} {
  return {
    acknowledge: unanswered(alarm),
    shelve: alarm.state !== 'shelved' && alarm.state !== 'normal' && !setAside(alarm),
    unshelve: alarm.state === 'shelved',
    reset: alarm.state === 'latched_acknowledged' || alarm.state === 'latched_unacknowledged',
  }
}
