"""Print the longest word of standard input; of several, the first."""

import re
import sys

words = re.findall(r"\w+", sys.stdin.read())
sys.stdout.write(max(words, key=len, default="") + "\n")
