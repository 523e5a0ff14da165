"""The companion: the process behind a project's socket. Standard library only, one thread.

It is forked from the keeper's zygote, so what is imported here is paid for once.
"""
