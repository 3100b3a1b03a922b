/** Regions, enterprises and sites: they change rarely, so they are asked for again each 20 s while shown. */
import { defineStore } from 'pinia'
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import * as calls from '@/api/calls'
import type { Enterprise, Region, Site, SiteState } from '@/api/types'
import { idOf } from '@/lib/names'
import { SEVERITY, stateOf } from '@/lib/priority'
import { useAlarms } from './alarms'

const REFRESH_MS = 20_000

export const usePlant = defineStore('plant', () => {
  const regions = shallowRef<Region[]>([])
  const enterprises = shallowRef<Enterprise[]>([])
  const sites = shallowRef<Site[]>([])
  const loaded = ref(false)
  const failed = ref(false)
  const alarms = useAlarms()

  const enterpriseById = computed(() => new Map(enterprises.value.map((each) => [each.id, each])))
  const regionById = computed(() => new Map(regions.value.map((each) => [each.id, each])))

  /** Colour of a site by its open alarms, which are newer than what was last asked for. */
  const stateBySite = computed(() => {
    const states = new Map<string, SiteState>()
    for (const site of sites.value) {
      const open = alarms.bySite.get(site.id)
      const worst = open?.reduce((least, alarm) => Math.min(least, alarm.priority), 9) ?? 9
      const byAlarm: SiteState = worst <= 4 ? stateOf(worst as 1 | 2 | 3 | 4) : 'normal'
      const silent = site.state === 'no_data' || (site.sensors > 0 && site.sensors_online === 0)
      states.set(site.id, silent && SEVERITY[byAlarm] > SEVERITY.no_data ? 'no_data' : byAlarm)
    }
    return states
  })

  const sitesByEnterprise = computed(() => {
    const groups = new Map<string, Site[]>()
    for (const site of sites.value) {
      const owner = idOf(site.enterprise)
      const group = groups.get(owner)
      if (group) group.push(site)
      else groups.set(owner, [site])
    }
    return groups
  })

  async function refresh(): Promise<void> {
    try {
      const [r, e, s] = await Promise.all([calls.regions(), calls.enterprises(), calls.sites()])
      regions.value = r
      enterprises.value = e
      sites.value = s
      loaded.value = true
      failed.value = false
    } catch {
      // What was known stays on screen; pages say that it is old.
      failed.value = true
    }
  }

  return {
    regions,
    enterprises,
    sites,
    loaded,
    failed,
    enterpriseById,
    regionById,
    stateBySite,
    sitesByEnterprise,
    refresh,
  }
})

/** Use the plant in a page and keep it fresh while the page lives. */
export function showPlant(): ReturnType<typeof usePlant> {
  const plant = usePlant()
  void plant.refresh()
  const timer = setInterval(() => void plant.refresh(), REFRESH_MS)
  onScopeDispose(() => clearInterval(timer))
  return plant
}
