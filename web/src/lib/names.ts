/** References come as an id or as {id, name}; people read names. */
import type { Named } from '@/api/types'

export type Ref = string | Named | null | undefined

export const idOf = (ref: Ref): string => (ref ? (typeof ref === 'string' ? ref : ref.id) : '')
export const nameOf = (ref: Ref): string => (ref ? (typeof ref === 'string' ? ref : ref.name || ref.id) : '')
