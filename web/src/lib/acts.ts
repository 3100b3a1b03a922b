/** What an operator does to an alarm: one call each, with the state and level he saw, and a plain answer. */
import { ElMessage } from 'element-plus'
import 'element-plus/es/components/message/style/css'
import { reactive } from 'vue'
import * as calls from '@/api/calls'
import { ProblemError } from '@/api/http'
import type { Alarm } from '@/api/types'
import { useAlarms } from '@/stores/alarms'
import { useWords } from './words'

/** Alarms with an act under way; the button says so within one frame. */
export const sending = reactive(new Set<string>())

export function useActs() {
  const { t, why } = useWords()
  const alarms = useAlarms()

  /** Returns true if the act took effect. */
  async function act(
    alarm: Alarm,
    verb: calls.Act,
    body: { note?: string; minutes?: number; reason?: string } = {},
  ): Promise<boolean> {
    if (sending.has(alarm.id)) return false
    sending.add(alarm.id)
    const saw = { seen: alarm.state, seen_level: alarm.level }
    try {
      alarms.answered(await calls.act(alarm.id, verb, { ...body, ...saw }))
      return true
    } catch (error) {
      if (error instanceof ProblemError && error.status === 409 && error.problem?.alarm) {
        const winner = error.problem.alarm
        alarms.answered(winner)
        const who = winner.acknowledged_by
        const other = winner.level && winner.level !== saw.seen_level
        const level = other ? `${t(`level.${winner.level}`)} · ` : ''
        ElMessage.warning({
          message:
            verb === 'acknowledge' && who
              ? t('act.conflictBy', { who })
              : t('act.conflict', { state: level + t(`state.${winner.state}`) }),
          duration: 6000,
        })
      } else ElMessage.error({ message: t('act.refused', { why: why(error) }), duration: 8000 })
      return false
    } finally {
      sending.delete(alarm.id)
    }
  }

  return { act }
}
