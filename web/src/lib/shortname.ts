/**
 * Short names for tiles and rows: what everybody in the county knows is left out.
 *
 * 望川县宏达化工有限公司 is 宏达化工 to those who work there; a site of it, 望川县宏达化工有限公司
 * 宏达厂区, needs only 宏达厂区 where the enterprise already stands beside it.
 */

const FORMS = /(股份有限公司|有限责任公司|集团有限公司|有限公司)$/

export function shortEnterprise(name: string, county: string): string {
  const local = county && name.startsWith(county) ? name.slice(county.length) : name
  return local.replace(FORMS, '') || name
}

/** The part of a site's name that its enterprise's name does not already say. */
export function sitePart(site: string, enterprise: string): string {
  if (site === enterprise) return ''
  return site.startsWith(enterprise) ? site.slice(enterprise.length).trim() : site
}
