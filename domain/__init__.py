"""The words of the field, pure: assets, the catalogue of measurands, readings, wire formats.

Import from the module that has the word: `domain.assets`, `domain.catalogue`, `domain.readings`,
`domain.entries`, `domain.sequence`, `domain.wire`.
"""
