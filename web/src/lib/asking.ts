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

  async function again(): Promise<void> {
    const mine = ++turn
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
    }
  }

  watch(
    key,
    () => {
      answer.value = null
      problem.value = ''
      void again()
    },
    { immediate: true },
  )
  if (everyMs > 0) {
    const timer = setInterval(() => void again(), everyMs)
    onScopeDispose(() => clearInterval(timer))
  }
  return { answer, problem, missing, again }
}
