"""`vedette bench`: what this machine carries, end to end, with a real broker and a real database.

Publisher, broker, database and service share the machine, so every figure is that of the whole.
Four measurements, each with its own fresh broker of the same kind and settings:

1. the MQTT layer alone: ingest's own layer, acknowledging at once, the rest cut off;
2. the naive loop (`benchmarks/naive_loop.py`), where its file is there;
3. latency: the whole service at a moderate pace, from publish to commit;
4. the whole service as fast as it goes, for `seconds`.
"""
