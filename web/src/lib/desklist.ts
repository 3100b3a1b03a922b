/**
 * The order of rows on the desk, held still while somebody works on them.
 *
 * The order is fixed (unanswered, colour, newest), but a new alarm must not push another row under
 * the operator's hand: for a while after each key, click or move of the pointer over them the rows
 * stay where they are, new ones are counted above, and those that close stay, marked, until the
 * list moves on.
 */
import { computed, ref, shallowRef, watch } from 'vue'
import type { Alarm } from '@/api/types'
import { useAlarms } from '@/stores/alarms'
import { useNow } from '@/stores/now'

const HOLD_MS = 12_000

export function useDeskList(matches: () => (alarm: Alarm) => boolean) {
  const alarms = useAlarms()
  const now = useNow()
  const order = shallowRef<string[]>([])
  const heldUntil = ref(0)
  /** Last known form of each row, for those that have closed meanwhile. */
  const last = new Map<string, Alarm>()

  const wanted = computed(() => alarms.open.filter(matches()))
  const rows = computed<Alarm[]>(() => {
    const found: Alarm[] = []
    for (const id of order.value) {
      const alarm = alarms.byId.get(id)
      if (alarm) last.set(id, alarm)
      const shown = alarm ?? last.get(id)
      if (shown) found.push(shown)
    }
    return found
  })
  const fresh = computed(() => {
    const shown = new Set(order.value)
    return wanted.value.filter((alarm) => !shown.has(alarm.id))
  })
  const gone = (id: string): boolean => !alarms.byId.has(id)
  const held = (): boolean => now.local < heldUntil.value

  function settle(): void {
    order.value = wanted.value.map((alarm) => alarm.id)
    const shown = new Set(order.value)
    for (const id of last.keys()) if (!shown.has(id)) last.delete(id)
  }

  /** The operator did something: keep still for a while. */
  function touch(): void {
    heldUntil.value = Date.now() + HOLD_MS
  }

  watch(matches, settle)
  watch(
    wanted,
    () => {
      if (!held()) settle()
    },
    { immediate: true },
  )
  watch(
    () => held(),
    (still) => {
      if (!still) settle()
    },
  )

  return { rows, fresh, gone, touch, settle, wanted }
}
