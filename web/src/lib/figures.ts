/**
 * What an alarm says in figures: the reading of now against the limit, and whether it is of now.
 *
 * An alarm of silence never shows the last reading: nobody knows the value. Nor does a reading that
 * is old, missing or of bad quality pass for live.
 */
import { type ComputedRef, computed } from 'vue'
import type { Alarm } from '@/api/types'
import { useNow } from '@/stores/now'
import { useValues, type Value } from '@/stores/values'
import { figure, steady } from './numbers'
import { inSeconds } from './priority'
import { qualityOf } from './quality'
import { toMs } from './time'
import { useWords } from './words'

/** A reading older than this does not stand for now. */
const OLD_MS = 5 * 60_000

export interface Figures {
  /** The value in words, without its unit. */
  value: string
  /** " / 50 %LEL", or the unit alone. */
  limit: string
  unit: string
  /** Nothing is heard: `value` says for how long. */
  silent: boolean
  /** Why the value does not stand for now; empty if it does. */
  doubt: string
}

export function useFigures(
  alarm: () => Alarm,
  past: () => boolean = () => false,
): { figures: ComputedRef<Figures>; live: ComputedRef<Value | undefined> } {
  const words = useWords()
  const { t, briefly } = words
  const now = useNow()
  const values = useValues()

  const live = computed(() => {
    const id = alarm().sensor?.id
    return id === undefined || past() ? undefined : values.byId.get(id)
  })

  /** How long nothing has come, ms: what it was when it was raised, and since. */
  function silence(of: Alarm): number {
    const then = (of.value ?? of.limit ?? 0) * 1000
    return of.active && of.count === 1 ? then + Math.max(0, now.ms - toMs(of.raised_at)) : then
  }

  function ofTime(of: Alarm): Figures {
    const limit = of.limit === null ? '' : ` / ${briefly(of.limit * 1000)}`
    if (of.kind === 'stale') {
      const value = t('desk.noData', { span: briefly(silence(of)) })
      return { value, limit: '', unit: '', silent: true, doubt: '' }
    }
    const value = of.value === null ? '—' : briefly(Math.abs(of.value) * 1000)
    return { value, limit, unit: '', silent: false, doubt: '' }
  }

  const figures = computed<Figures>(() => {
    const of = alarm()
    if (inSeconds(of)) return ofTime(of)
    const unit = words.unit(of.unit)
    const limit = of.limit === null ? '' : ` / ${figure(of.limit)}`
    const shown = { limit, unit, silent: false }
    const newest = live.value
    if (!newest) return { ...shown, value: steady(of.value), doubt: past() ? '' : t('desk.atAlarm') }
    const age = now.ms - newest.ts
    const quality = qualityOf(newest.quality)
    const doubt =
      age > OLD_MS ? t('desk.old', { span: briefly(age) }) : quality === 'good' ? '' : t(`quality.${quality}`)
    return { ...shown, value: steady(newest.value), doubt }
  })

  return { figures, live }
}
