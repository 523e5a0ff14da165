"""The keeper: the only parent of p42's children and the holder of their listening sockets.

A small separate process: standard library only, one thread, no asyncio, a versioned protocol that
only grows. The daemon decides; the keeper spawns, holds, signals, reaps, pumps logs and reports.
"""
