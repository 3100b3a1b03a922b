/** The catalogue of measurands, asked for once: names of states. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { catalogue as ask } from '@/api/calls'
import type { Measurand, Text } from '@/api/types'

export const useCatalogue = defineStore('catalogue', () => {
  const byCode = shallowRef(new Map<string, Measurand>())

  void ask()
    .then((items) => {
      byCode.value = new Map(items.map((item) => [item.code, item]))
    })
    .catch(() => {
      // States are then shown as their codes.
    })

  function stateName(measurand: string, value: number): Text | null {
    const states = byCode.value.get(measurand)?.states ?? []
    return states.find((state) => state.code === value)?.name ?? null
  }

  return { byCode, stateName }
})
