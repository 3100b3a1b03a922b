/**
 * An alarm's id in an address. Ids carry a dot ("position.ordinal"), and an address whose last part
 * has a dot asks for a file; so the dot is written as a dash.
 */

export const toAddress = (alarmId: string): string => alarmId.replace('.', '-')
export const fromAddress = (part: string): string => part.replace('-', '.')
