/** What an operator does to an alarm: one call each, with the state and level he saw, and a plain answer. */
import { reactive } from 'vue'
import * as calls from '@/api/calls'
import { ProblemError, Unreachable } from '@/api/http'
import type { Alarm } from '@/api/types'
import { useAlarms } from '@/stores/alarms'
import { toast } from './toast'
import { useWords } from './words'

/** Alarms with an act under way; the button says so within one frame. */
export const sending = reactive(new Set<string>())

/** When to look, after an act without an answer, whether it took effect. */
const LOOK_MS = [500, 3_000, 5_000, 10_000, 20_000, 40_000]

/** Nobody said no: the request or its answer was lost, here or at a proxy. */
const unanswered = (error: unknown): boolean =>
  error instanceof Unreachable ||
  (error instanceof ProblemError && error.problem === null && error.status >= 500)

export function useActs() {
  const { t, why } = useWords()
  const alarms = useAlarms()

  /** The state of an alarm in words, with its level where that is not what was seen. */
  function stateNow(is: Alarm, was: Alarm): string {
    const risen = is.level && is.level !== was.level ? `${t(`level.${is.level}`)} · ` : ''
    return risen + t(`state.${is.state}`)
  }

  /**
   * Ask for the alarm until the service answers, and say what has become of it. A service that has
   * stood still answers this question before it gets to the act: only the second answer tells that
   * nothing has changed.
   */
  async function look(alarm: Alarm): Promise<void> {
    let looked = false
    for (const wait of LOOK_MS) {
      await new Promise((resolve) => setTimeout(resolve, wait))
      try {
        const found = await calls.alarm(alarm.id)
        alarms.answered(found)
        const moved = found.updated !== alarm.updated
        if (!moved && !looked) {
          looked = true
          continue
        }
        toast('info', t(moved ? 'act.sinceChanged' : 'act.sinceSame', { state: stateNow(found, alarm) }), 10)
        return
      } catch (error) {
        if (!unanswered(error)) return // refused in plain words: the stream tells what is to be told
      }
    }
  }

  /** Returns true if the act took effect. */
  async function act(
    alarm: Alarm,
    verb: calls.Act,
    body: { note?: string; minutes?: number; reason?: string } = {},
  ): Promise<boolean> {
    if (sending.has(alarm.id)) return false
    sending.add(alarm.id)
    try {
      const saw = { seen: alarm.state, seen_level: alarm.level }
      alarms.answered(await calls.act(alarm.id, verb, { ...body, ...saw }))
      return true
    } catch (error) {
      if (error instanceof ProblemError && error.status === 409 && error.problem?.alarm) {
        const winner = error.problem.alarm
        alarms.answered(winner)
        const who = winner.acknowledged_by
        toast(
          'warning',
          verb === 'acknowledge' && who
            ? t('act.conflictBy', { who })
            : t('act.conflict', { state: stateNow(winner, alarm) }),
          6,
        )
      } else if (unanswered(error)) {
        toast('warning', t('act.unsure'), 10)
        void look(alarm)
      } else toast('error', t('act.refused', { why: why(error) }), 8)
      return false
    } finally {
      sending.delete(alarm.id)
    }
  }

  return { act }
}
