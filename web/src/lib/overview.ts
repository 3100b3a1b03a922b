/** The county's figures, asked for again and again; those that are old are not shown as of now. */
import { onScopeDispose, shallowRef } from 'vue'
import * as calls from '@/api/calls'
import type { Overview } from '@/api/types'

const OLD_MS = 30_000

/** Null until the first answer, and when there has been none for half a minute. */
export function useOverview(everyMs: number) {
  const overview = shallowRef<Overview | null>(null)
  let heardAt = 0

  async function ask(): Promise<void> {
    try {
      overview.value = await calls.overview()
      heardAt = Date.now()
    } catch {
      if (Date.now() - heardAt > OLD_MS) overview.value = null
    }
  }
  void ask()
  const timer = setInterval(() => void ask(), everyMs)
  onScopeDispose(() => clearInterval(timer))
  return overview
}
