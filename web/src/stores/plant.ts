/** Regions, enterprises and sites: they change rarely, so they are asked for again each 20 s while shown. */
import { defineStore } from 'pinia'
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import * as calls from '@/api/calls'
import type { Enterprise, Region, Site, SiteState } from '@/api/types'
import { idOf, nameOf, type Ref } from '@/lib/names'
import { SEVERITY, stateOf } from '@/lib/priority'
import { shortEnterprise, sitePart } from '@/lib/shortname'
import { useAlarms } from './alarms'
import { useFeed } from './feed'

const REFRESH_MS = 20_000

export const usePlant = defineStore('plant', () => {
  const regions = shallowRef<Region[]>([])
  const enterprises = shallowRef<Enterprise[]>([])
  const sites = shallowRef<Site[]>([])
  const loaded = ref(false)
  const failed = ref(false)
  const alarms = useAlarms()
  const feed = useFeed()

  const enterpriseById = computed(() => new Map(enterprises.value.map((each) => [each.id, each])))
  const siteById = computed(() => new Map(sites.value.map((each) => [each.id, each])))
  const regionById = computed(() => new Map(regions.value.map((each) => [each.id, each])))

  const county = computed(() => regions.value.find((region) => region.kind === 'county')?.name ?? '')

  /** The town or park that a region lies in; villages are too small to group by. */
  function townOf(regionId: string): string {
    let region = regionById.value.get(regionId)
    while (region?.kind === 'village' && region.parent) region = regionById.value.get(region.parent)
    return region?.id ?? regionId
  }
  const townOfSite = computed(
    () =>
      new Map(
        sites.value.map((site) => [
          site.id,
          townOf(idOf(enterpriseById.value.get(idOf(site.enterprise))?.region)),
        ]),
      ),
  )

  const shortOf = (enterpriseName: string): string => shortEnterprise(enterpriseName, county.value)

  /** Names for tiles and the plan: the enterprise's short one, with the site's part if it has several. */
  const shortNames = computed(() => {
    const names = new Map<string, string>()
    for (const site of sites.value) {
      const owner = idOf(site.enterprise)
      const full = enterpriseById.value.get(owner)?.name ?? site.name
      const short = shortEnterprise(full, county.value)
      const several = (sitesByEnterprise.value.get(owner)?.length ?? 0) > 1
      names.set(site.id, several ? `${short} ${sitePart(site.name, full)}`.trim() : short)
    }
    return names
  })

  const isSilent = (site: Site): boolean =>
    site.state === 'no_data' || (site.sensors > 0 && site.sensors_online === 0)

  /** Colour of a site by its open alarms, which are newer than what was last asked for; calm only if all are known. */
  const stateBySite = computed(() => {
    const states = new Map<string, SiteState>()
    for (const site of sites.value) {
      const open = alarms.bySite.get(site.id)
      const worst = open?.reduce((least, alarm) => Math.min(least, alarm.priority), 9) ?? 9
      const byAlarm: SiteState =
        worst <= 4 ? stateOf(worst as 1 | 2 | 3 | 4) : feed.complete ? 'normal' : 'unknown'
      const silent = isSilent(site)
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

  /** Names of where something stands; `part` is the site's, without the enterprise's name in it. */
  function placeOf(thing: { enterprise: Ref; site: Ref }): { id: string; enterprise: string; part: string } {
    const id = idOf(thing.enterprise)
    const enterprise = enterpriseById.value.get(id)?.name ?? nameOf(thing.enterprise)
    const site = siteById.value.get(idOf(thing.site))?.name ?? nameOf(thing.site)
    return { id, enterprise, part: sitePart(site, enterprise) }
  }

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
    county,
    townOf,
    townOfSite,
    shortNames,
    isSilent,
    shortOf,
    stateBySite,
    sitesByEnterprise,
    placeOf,
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
