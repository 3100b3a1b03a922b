/** A question a page asks and asks again: the answer, why it failed, and how old it is. */
import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import { ProblemError } from '@/api/http'
import { useWords } from './words'

export function useAsking<T>(ask: () => Promise<T>, key: () => unknown, everyMs = 0) {
  const { why } = useWords()
  const answer = shallowRef<T | null>(null)
  const problem = ref('')
  const missing = ref(false)
  let turn = 0
  let waiting = false

  async function again(): Promise<void> {
    const mine = ++turn
    waiting = true
    try {
      const found = await ask()
      if (mine !== turn) return
      answer.value = found
      problem.value = ''
      missing.value = false
    } catch (error) {
      if (mine !== turn) return
      missing.value = error instanceof ProblemError && error.status === 404
      problem.value = why(error)
    } finally {
      if (mine === turn) waiting = false
    }
  }

  watch(
    key,
    () => {
      answer.value = null
      problem.value = ''
      missing.value = false
      void again()
    },
    { immediate: true },
  )
  if (everyMs > 0) {
    // An answer that takes longer than the interval must not be overtaken by the next question for ever.
    const timer = setInterval(() => {
      if (!waiting) void again()
    }, everyMs)
    onScopeDispose(() => clearInterval(timer))
  }
  return { answer, problem, missing, again }
}
