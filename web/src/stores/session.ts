/** Who is signed in. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import * as calls from '@/api/calls'
import { ProblemError, setCsrf } from '@/api/http'
import type { Session } from '@/api/types'

export const useSession = defineStore('session', () => {
  const user = ref<Session['user'] | null>(null)
  /** True once the service has said whether there is a session. */
  const known = ref(false)
  const mayAct = computed(() => user.value?.role === 'admin' || user.value?.role === 'operator')

  function take(session: Session): void {
    user.value = session.user
    setCsrf(session.csrf)
    known.value = true
  }

  /** Find a session that the browser still holds. */
  async function resume(): Promise<void> {
    if (known.value) return
    try {
      take(await calls.session())
    } catch (error) {
      if (!(error instanceof ProblemError && error.status === 401)) throw error
      known.value = true
    }
  }

  async function signIn(name: string, password: string): Promise<void> {
    take(await calls.signIn(name, password))
  }

  async function signOut(): Promise<void> {
    await calls.signOut()
  }

  return { user, known, mayAct, resume, signIn, signOut }
})
