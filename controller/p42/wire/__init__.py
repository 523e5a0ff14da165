"""Sans-I/O codecs: bytes in, messages out. Shared by both ends of a wire."""
