/** Sites on a plan: degrees to a flat picture, outlines of towns, labels that do not collide. */

export interface Placed<T> {
  x: number
  y: number
  item: T
}

export interface Plan<T> {
  width: number
  height: number
  points: Placed<T>[]
}

const MARGIN = 40

/** Equirectangular about the middle: over a county the error is below a tenth of a symbol. */
export function project<T>(
  items: readonly T[],
  where: (item: T) => [latitude: number, longitude: number] | null,
  width: number,
  height: number,
): Plan<T> {
  const found = items.flatMap((item) => {
    const at = where(item)
    return at ? [{ item, latitude: at[0], longitude: at[1] }] : []
  })
  if (found.length === 0) return { width, height, points: [] }
  const latitudes = found.map((each) => each.latitude)
  const longitudes = found.map((each) => each.longitude)
  const middle = (Math.min(...latitudes) + Math.max(...latitudes)) / 2
  const squeeze = Math.cos((middle * Math.PI) / 180)
  const west = Math.min(...longitudes)
  const north = Math.max(...latitudes)
  const wide = (Math.max(...longitudes) - west) * squeeze || 1e-6
  const tall = north - Math.min(...latitudes) || 1e-6
  const scale = Math.min((width - 2 * MARGIN) / wide, (height - 2 * MARGIN) / tall)
  const left = (width - wide * scale) / 2
  const top = (height - tall * scale) / 2
  const points = found.map(({ item, latitude, longitude }) => ({
    item,
    x: left + (longitude - west) * squeeze * scale,
    y: top + (north - latitude) * scale,
  }))
  return { width, height, points }
}

interface Point {
  x: number
  y: number
}

/** Convex hull (Andrew's monotone chain) as a closed SVG path. */
export function outline(points: readonly Point[]): string {
  if (points.length === 0) return ''
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y)
  const half = (list: readonly Point[]): Point[] => {
    const chain: Point[] = []
    for (const p of list) {
      for (;;) {
        const b = chain[chain.length - 1]
        const a = chain[chain.length - 2]
        if (!a || !b || (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x) > 0) break
        chain.pop()
      }
      chain.push(p)
    }
    return chain.slice(0, -1)
  }
  const hull = [...half(sorted), ...half(sorted.reverse())]
  const corners = hull.length > 0 ? hull : sorted.slice(0, 1)
  return `M${corners.map((p) => `${p.x.toFixed(1)} ${p.y.toFixed(1)}`).join('L')}Z`
}

export interface Label<T> extends Placed<T> {
  text: string
  /** Drawn to the left of its symbol because the right is taken. */
  left: boolean
}

interface Box {
  x0: number
  x1: number
  y0: number
  y1: number
}

/** Room on the plan that is written on already. */
export class Written {
  private taken: Box[] = []

  constructor(private readonly width: number) {}

  add(box: Box): void {
    this.taken.push(box)
  }

  /** Take this room if nothing is there; says whether it did. */
  take(box: Box): boolean {
    const free = this.taken.every((t) => t.x1 < box.x0 || t.x0 > box.x1 || t.y1 < box.y0 || t.y0 > box.y1)
    if (!free || box.x0 <= 0 || box.x1 >= this.width) return false
    this.add(box)
    return true
  }
}

/** Width of a text, about: a Chinese character is as wide as it is high. */
const widthOf = (text: string, size: number): number =>
  [...text].reduce((sum, c) => sum + (c.charCodeAt(0) > 0xff ? size : size * 0.58), 0)

/** Most important first; a label that fits on neither side is left out (its symbol stays). */
export function labels<T>(
  placed: readonly Placed<T>[],
  textOf: (item: T) => string,
  size: number,
  written: Written,
): Label<T>[] {
  const found: Label<T>[] = []
  for (const each of placed)
    written.add({ x0: each.x - size, x1: each.x + size, y0: each.y - size, y1: each.y + size })
  for (const each of placed) {
    const text = textOf(each.item)
    const long = widthOf(text, size)
    for (const left of [false, true]) {
      const x0 = left ? each.x - size * 1.1 - long : each.x + size * 1.1
      const room = { x0, x1: x0 + long, y0: each.y - size * 0.6, y1: each.y + size * 0.6 }
      if (written.take(room)) {
        found.push({ ...each, text, left })
        break
      }
    }
  }
  return found
}

/** Names in the middle of their places, moved up or down where that is taken; else left out. */
export function middles<T extends { x: number; y: number; name: string }>(
  places: readonly T[],
  size: number,
  written: Written,
): T[] {
  return places.flatMap((place) => {
    const half = widthOf(place.name, size) / 2
    for (const lines of [0, -1.4, 1.4]) {
      const y = place.y + lines * size
      const box = { x0: place.x - half, x1: place.x + half, y0: y - size, y1: y + 0.4 * size }
      if (written.take(box)) return [{ ...place, y }]
    }
    return []
  })
}
